export interface TokenBucketOptions {
  /** Requests per `perMs` in the long run; at least 1. */
  readonly requests: number;
  readonly perMs: number;
  /** Requests at once after a pause. 0: as many as `requests`. */
  readonly burst: number;
  /** Milliseconds, best of a monotonic clock: one that was set back refills nothing until it has caught up. */
  now(): number;
}

export interface TokenBucket {
  /** Whether one more may pass now. */
  take(): boolean;
  /** How many could pass at once at that time; whole and part. */
  left(now: number): number;
  /** Until the next may pass; 0: now. */
  retryAfterMs(): number;
}

/**
 * In every span of the clock from its highest reading before to its highest reading after, at most rate * time + burst pass,
 * even if the clock is set in between: going back refills nothing, and a jump ahead fills the bucket once.
 */
export function createTokenBucket({ requests, perMs, burst, now }: TokenBucketOptions): TokenBucket {
  const size = burst > 0 ? burst : requests;
  const msPerToken = perMs / requests;
  let tokens = size;
  let filledAt = now();
  if (!Number.isFinite(filledAt)) filledAt = 0;

  const refill = (): void => {
    const at = now();
    // A comparison with NaN is false too.
    if (!(at > filledAt) || at === Number.POSITIVE_INFINITY) return;
    tokens = Math.min(size, tokens + (at - filledAt) / msPerToken);
    filledAt = at;
  };
  return {
    take() {
      refill();
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
    left: (at) => (at > filledAt ? Math.min(size, tokens + (at - filledAt) / msPerToken) : tokens),
    retryAfterMs() {
      refill();
      return tokens >= 1 ? 0 : (1 - tokens) * msPerToken;
    },
  };
}
