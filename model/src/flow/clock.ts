/** Time as code that waits takes it, so that tests can move it. */
export interface Clock {
  /** Milliseconds since the epoch; jumps when the machine's clock is set. */
  now(): number;
  /** Milliseconds on a clock that never jumps, with fractions; its zero means nothing. */
  monotonic(): number;
  /** Calls `work` once, after `ms`. Keeps the process alive until then, unless it is background work. Returns its cancel. */
  after(ms: number, work: () => void, options?: TimerOptions): Cancel;
  /** Calls `work` again and again, `ms` apart, as background work. Returns its cancel. */
  every(ms: number, work: () => void): Cancel;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects; look at the signal afterwards. */
  pause(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface TimerOptions {
  /** Does not keep the process alive. Default: false. */
  readonly background?: boolean;
}

/** Ends a timer; harmless when it has run, and twice. */
export type Cancel = () => void;

/** Resolves when a clock's timer has run, or at once when `signal` aborts. Never rejects. */
export function pauseOn(after: Clock["after"], ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = after(ms, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}
