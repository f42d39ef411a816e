export interface BackoffOptions {
  /** First wait in milliseconds. */
  readonly minMs: number;
  /** Longest wait in milliseconds. */
  readonly maxMs: number;
  /** A number in [0, 1). Default: Math.random. */
  readonly random?: () => number;
}

export interface Backoff {
  /** The next wait in milliseconds: doubles from minMs to maxMs, minus up to half of it at random. */
  next(): number;
  /** Begins again at minMs. Call it after a success. */
  reset(): void;
}

/** Waits that grow and differ between callers, so that those who lost one server do not return all at once. */
export function createBackoff({ minMs, maxMs, random = Math.random }: BackoffOptions): Backoff {
  let base = minMs;
  return {
    next() {
      const wait = base * (1 - random() / 2);
      base = Math.min(base * 2, maxMs);
      return Math.round(wait);
    },
    reset() {
      base = minMs;
    },
  };
}

/** Resolves after `ms`, or at once when `signal` aborts. Never rejects; look at the signal afterwards. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}
