/**
 * A circuit breaker. Closed: calls pass. After `threshold` failures in a row it opens, and calls are refused for a time that
 * doubles from `minMs` to `maxMs`. Then one call may try (half open): its success closes the breaker, its failure opens it again.
 */
export interface Breaker {
  /** Whether a call may be made now; when half open, taking the permission uses it up. */
  admits(now: number): boolean;
  succeeded(): void;
  failed(now: number): void;
  /** When the next call may be tried; undefined while closed. */
  opensAt(): number | undefined;
}

export interface BreakerOptions {
  readonly threshold: number;
  readonly minMs: number;
  readonly maxMs: number;
}

export function createBreaker({ threshold, minMs, maxMs }: BreakerOptions): Breaker {
  let failures = 0;
  let waitMs = minMs;
  let openUntil: number | undefined;
  return {
    admits(now) {
      if (openUntil === undefined) return true;
      if (now < openUntil) return false;
      // Half-open: one caller tries, the others wait for its result.
      openUntil = now + waitMs;
      return true;
    },
    succeeded() {
      failures = 0;
      waitMs = minMs;
      openUntil = undefined;
    },
    failed(now) {
      failures += 1;
      if (failures < threshold) return;
      openUntil = now + waitMs;
      waitMs = Math.min(waitMs * 2, maxMs);
    },
    opensAt: () => openUntil,
  };
}
