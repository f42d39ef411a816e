import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { Condition } from "./condition.ts";

/** One entered state. Only the reason is new when the state stays. */
export interface Step {
  readonly state: State;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Where a registration stands and how it got there. */
export interface Life extends Step {
  /** Entered states, newest last, at most HISTORY. */
  readonly history: readonly Step[];
  readonly everReady: boolean;
}

/** Changes that are kept for people to see. */
export const HISTORY = 16;

/**
 * What may follow what; all else is ignored.
 *
 * STARTING comes again only after a state that interrupted it, or when an instance announces itself anew.
 * Draining cannot be taken back: only the end follows, and from the end only a new announcement leads out.
 */
const FOLLOWERS: ReadonlyMap<State, ReadonlySet<State>> = new Map([
  [State.STARTING, new Set([State.READY, State.DEGRADED, State.QUARANTINED, State.DRAINING, State.GONE])],
  [State.READY, new Set([State.DEGRADED, State.QUARANTINED, State.DRAINING, State.GONE])],
  [State.DEGRADED, new Set([State.STARTING, State.READY, State.QUARANTINED, State.DRAINING, State.GONE])],
  [State.QUARANTINED, new Set([State.STARTING, State.READY, State.DEGRADED, State.DRAINING, State.GONE])],
  [State.DRAINING, new Set([State.GONE])],
  [State.GONE, new Set<State>()],
]);

/** Whether a registration in one state may enter the other. */
export function mayFollow(from: State, to: State): boolean {
  return FOLLOWERS.get(from)?.has(to) ?? false;
}

/** A registration's first moment, or its first after it was gone; then its history goes on. */
export function begin(at: number, before?: Life): Life {
  const step = { state: State.STARTING, reason: "announced", at };
  return { ...step, history: [...(before?.history ?? []), step].slice(-HISTORY), everReady: false };
}

/** Goes where the condition asks, when that is possible; returns the same object when nothing changes. */
export function advance(life: Life, { state, reason }: Condition, at: number): Life {
  if (state === life.state) return reason === life.reason ? life : { ...life, reason };
  if (!mayFollow(life.state, state)) return life;
  const step = { state, reason, at: Math.max(at, life.at) };
  const everReady = life.everReady || state === State.READY;
  return { ...step, history: [...life.history, step].slice(-HISTORY), everReady };
}
