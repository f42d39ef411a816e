/** How much of something may still be used. */
export interface RateLimiter {
  /** Takes one; false when there is none left. */
  take(now: number): boolean;
}

/** A bucket of `burst`, refilled with `perSecond`; `now` is milliseconds on a monotonic clock. */
export function createRateLimiter({
  burst,
  perSecond,
}: {
  readonly burst: number;
  readonly perSecond: number;
}): RateLimiter {
  let left = burst;
  let at = -Infinity;
  return {
    take(now) {
      left = Math.min(burst, left + (Math.max(0, now - at) / 1000) * perSecond);
      at = now;
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}
