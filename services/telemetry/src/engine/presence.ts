import type { Aggregate } from "../core/aggregate/aggregate.ts";
import type { Session } from "./session.ts";

/** A proxy that has had no stream for this long is gone; one that lost its stream is back within seconds. */
const GONE_AFTER_MS = 60_000;

/** Knows which proxies are there, so that open connections of those that died do not stay open for ever. */
export interface Presence {
  enter(session: Session): void;
  leave(session: Session): void;
  /** Takes back the open connections of proxies that are gone. */
  tick(now: number): void;
  sessions(): number;
}

export function createPresence(aggregate: Aggregate): Presence {
  const sessions = new Set<Session>();
  const absentSince = new Map<string, number>();
  return {
    enter: (session) => sessions.add(session),
    leave: (session) => sessions.delete(session),
    sessions: () => sessions.size,
    tick(now) {
      const present = new Set([...sessions].flatMap((session) => [...session.boots]));
      const open = new Set(aggregate.bootsWithOpen());
      for (const boot of absentSince.keys()) if (present.has(boot) || !open.has(boot)) absentSince.delete(boot);
      for (const boot of open) {
        if (present.has(boot)) continue;
        const since = absentSince.get(boot) ?? now;
        absentSince.set(boot, since);
        if (now - since >= GONE_AFTER_MS) aggregate.leave(boot);
      }
    },
  };
}
