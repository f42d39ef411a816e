/** Tells a handler that fails for everything from single events that fail. */
export interface FailureStreak {
  /** Why the handler is held to be broken; undefined while it is not. */
  reason(): string | undefined;
  /** An event was handled. */
  success(): void;
  /** An event failed; `key` is the event's own. */
  failure(key: string | number, why: string): void;
}

const FAILURES_IN_A_ROW = 10;
const DISTINCT_EVENTS = 3;

/** Opens after ten failures in a row of at least three events, closes with the first success. */
export function createFailureStreak(): FailureStreak {
  const failing = new Set<string | number>();
  let inARow = 0;
  let reason: string | undefined;
  return {
    reason: () => reason,
    success() {
      if (inARow === 0) return;
      failing.clear();
      inARow = 0;
      reason = undefined;
    },
    failure(key, why) {
      inARow += 1;
      // Only "enough" matters: the set stays small however long everything fails.
      if (failing.size < DISTINCT_EVENTS) failing.add(key);
      if (inARow >= FAILURES_IN_A_ROW && failing.size >= DISTINCT_EVENTS)
        reason = `${inARow} tries in a row failed, the last: ${why}`;
    },
  };
}
