import type { TargetEvent } from "../types.ts";

export type TargetCounts = Record<TargetEvent, number>;

/** Counts what happens to attempts at a target, by the backend that was chosen. */
export interface TargetCounters {
  count(event: TargetEvent, backend: string): void;
  /** Since the last call. */
  take(): ReadonlyMap<string, Readonly<TargetCounts>>;
  empty(): boolean;
}

export function createTargetCounters(): TargetCounters {
  let counts = new Map<string, TargetCounts>();
  return {
    count(event, backend) {
      let held = counts.get(backend);
      if (held === undefined) {
        held = noCounts();
        counts.set(backend, held);
      }
      held[event] += 1;
    },
    take() {
      const taken = counts;
      counts = new Map();
      return taken;
    },
    empty: () => counts.size === 0,
  };
}

export function noCounts(): TargetCounts {
  return { refused: 0, overloads: 0, retries: 0, retriesDenied: 0 };
}
