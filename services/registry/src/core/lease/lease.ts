import type { LeaseState } from "./condition.ts";

/** What the lease table knows of one instance; all times are milliseconds on the monotonic clock. */
export interface Held {
  readonly id: string;
  /** The last sign of life. */
  readonly heardAt: number;
  readonly stream: "open" | "broken";
  readonly lease: LeaseState;
  /** Since when it is kept although its lease ended. */
  readonly staleSince: number | undefined;
}

export interface LeaseTimes {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** How long a registration is kept as stale before it ends after all. */
  readonly staleKeepMs: number;
}

/** More than this share of all, and at least this many, ending together looks like our own fault, not theirs. */
const TOGETHER = { share: 0.3, least: 3 };

export interface LeaseMonitor {
  /** New lease states of those that change; call it about every `tickMs`. */
  judge(all: readonly Held[], now: number): ReadonlyMap<string, LeaseState>;
}

export interface LeaseMonitorOptions extends LeaseTimes {
  readonly tickMs: number;
  readonly startedAt: number;
}

/**
 * Decides who missed what.
 *
 * - An open stream without a heartbeat for one lease: missed; for two: ended. A broken one: ended after one lease.
 * - A tick that comes late by more than half a lease means that this process slept or was blocked, and nobody could be heard:
 *   everyone gets one whole lease from then on.
 * - When many end together they are kept, marked stale, for `staleKeepMs`; whoever is heard again is simply held.
 */
export function createLeaseMonitor(options: LeaseMonitorOptions): LeaseMonitor {
  const { leaseMs, tickMs } = options;
  let lastTick = options.startedAt;
  let floor = options.startedAt;
  return {
    judge(all, now) {
      if (now - lastTick > tickMs + leaseMs / 2) floor = now;
      lastTick = now;
      const silence = (held: Held): number => now - Math.max(held.heardAt, floor);
      const verdicts = new Map<string, LeaseState>();
      for (const held of all) {
        const verdict = single(held, silence(held), { ...options, now });
        if (verdict !== held.lease) verdicts.set(held.id, verdict);
      }
      return keepThoseWhoEndTogether({ verdicts, all, silence, options });
    },
  };
}

interface Judging extends LeaseMonitorOptions {
  readonly now: number;
}

function single(held: Held, silenceMs: number, times: Judging): LeaseState {
  if (held.lease === "ended") return "ended";
  if (held.staleSince !== undefined) return times.now - held.staleSince >= times.staleKeepMs ? "ended" : "stale";
  // Whoever broke off is gone by the end of its lease, and not at the first tick after it.
  const patience = held.stream === "open" ? 2 * times.leaseMs : times.leaseMs - times.tickMs;
  if (silenceMs >= patience) return "ended";
  if (held.stream === "open" && silenceMs >= times.leaseMs) return "missed";
  return held.lease; // only a sign of life leads back from "missed"
}

interface Ending {
  readonly verdicts: ReadonlyMap<string, LeaseState>;
  readonly all: readonly Held[];
  silence(held: Held): number;
  readonly options: LeaseTimes;
}

/**
 * Heartbeats are not in step, so leases that end for one reason end spread over a heartbeat interval. Whoever has been silent for
 * longer than an interval and a half therefore counts as ending too.
 */
function keepThoseWhoEndTogether({ verdicts, all, silence, options }: Ending): ReadonlyMap<string, LeaseState> {
  const fresh = all.filter((held) => held.lease !== "ended" && held.lease !== "stale");
  const ending = fresh.filter((held) => verdicts.get(held.id) === "ended");
  if (ending.length === 0) return verdicts;
  const silent = fresh.filter((held) => silence(held) > options.heartbeatMs * 1.5);
  if (silent.length < TOGETHER.least || silent.length <= fresh.length * TOGETHER.share) return verdicts;
  return new Map([...verdicts, ...ending.map((held) => [held.id, "stale"] as const)]);
}
