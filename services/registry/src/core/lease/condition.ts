import { State } from "@patchbay/proto/mesh/common/v1/state_pb";

/** How long ago an instance was heard, measured against its lease. */
export type LeaseState = "held" | "missed" | "ended" | "stale";

/** Whether the address where hooks are served answers. "none": it offers no hook. */
export type HookState = "none" | "unknown" | "answers" | "fails";

/** Everything that decides the state of a registration. */
export interface Facts {
  /** What the instance says of itself; one that is ready may still have something to say. */
  readonly ready: boolean;
  readonly reason: string;
  readonly hook: HookState;
  /** What the last probe of the hook address said; empty while it answers. */
  readonly hookReason: string;
  readonly stream: "open" | "broken";
  readonly lease: LeaseState;
  /** For messages to people, such as "5 s". */
  readonly leaseText: string;
  /** What is wrong with its configuration; empty when nothing is. */
  readonly configProblem: string;
  /** Which deliveries all fail; empty when not all do. */
  readonly deliveryProblem: string;
  /** Why the core took it out of use. */
  readonly quarantine: string | undefined;
  /** Why it drains. */
  readonly drain: string | undefined;
  /** It was ready once: from then on what is missing degrades it. */
  readonly everReady: boolean;
}

export interface Condition {
  readonly state: State;
  readonly reason: string;
}

/**
 * The state that the facts ask for, first match wins:
 *
 * - it drains: GONE once its stream or lease has ended, until then DRAINING
 * - its lease ended: GONE
 * - the core took it out of use: QUARANTINED
 * - its stream broke, its lease is kept as stale, or it missed heartbeats for a lease: DEGRADED
 * - its configuration does not fit its schema: DEGRADED
 * - it says that it is not ready, or its hook address does not answer: STARTING until it was ready once, then DEGRADED
 * - all its deliveries fail: DEGRADED
 * - else READY
 */
export function conditionOf(facts: Facts): Condition {
  return ending(facts) ?? liveness(facts) ?? shortcomings(facts) ?? { state: State.READY, reason: facts.reason };
}

function ending({ drain, stream, lease, quarantine, leaseText }: Facts): Condition | undefined {
  if (drain !== undefined) {
    const over = stream === "broken" || lease === "ended";
    return { state: over ? State.GONE : State.DRAINING, reason: drain ? `drained: ${drain}` : "drained" };
  }
  if (lease === "ended") {
    const why =
      stream === "broken"
        ? "its connection broke and it did not come back"
        : "no heartbeat though its connection was open";
    return { state: State.GONE, reason: `the lease of ${leaseText} ended: ${why}` };
  }
  return quarantine === undefined ? undefined : { state: State.QUARANTINED, reason: quarantine };
}

function liveness({ stream, lease, leaseText }: Facts): Condition | undefined {
  if (lease === "stale") return degraded("its lease ended together with many others; kept as stale");
  if (stream === "broken") return degraded(`its connection broke; it may come back within its lease of ${leaseText}`);
  if (lease === "missed")
    return degraded(`no heartbeat for ${leaseText} though its connection is open: stopped or blocked?`);
  return undefined;
}

function shortcomings(facts: Facts): Condition | undefined {
  const notYet = facts.everReady ? State.DEGRADED : State.STARTING;
  if (facts.configProblem) return degraded(facts.configProblem);
  if (!facts.ready) return { state: notYet, reason: facts.reason || "says that it is not ready" };
  if (facts.hook === "unknown") return { state: notYet, reason: "its hook address has not answered yet" };
  if (facts.hook === "fails") return { state: notYet, reason: `its hook address does not answer: ${facts.hookReason}` };
  return facts.deliveryProblem ? degraded(facts.deliveryProblem) : undefined;
}

function degraded(reason: string): Condition {
  return { state: State.DEGRADED, reason };
}
