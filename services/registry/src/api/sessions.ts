import type { Proven } from "../core/announce/claim.ts";
import { Refusal } from "../core/announce/refusal.ts";
import { createSession, type Session, type SessionContext } from "./session.ts";

/** The Register streams of this replica, by the registration that each holds. */
export interface Sessions {
  open(proven: Proven): Session;
  of(id: string): Session | undefined;
  all(): readonly Session[];
  close(session: Session): void;
}

export function createSessions(context: Omit<SessionContext, "holds">): Sessions {
  const holders = new Map<string, Session>();
  let streams = 0;
  const holds = (id: string, session: Session): void => {
    const before = holders.get(id);
    holders.set(id, session);
    if (before && before !== session)
      before.end(new Refusal("aborted", "the same instance announced itself on a newer stream"));
  };
  return {
    open(proven) {
      streams += 1;
      return createSession({ ...context, holds }, proven, streams);
    },
    of: (id) => holders.get(id),
    all: () => [...holders.values()],
    close(session) {
      session.closed();
      for (const [id, holder] of holders) if (holder === session) holders.delete(id);
    },
  };
}
