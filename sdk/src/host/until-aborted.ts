/** What a race with a signal gives when the signal wins. */
export const aborted = Symbol("aborted");

/** A signal as a promise that many races may share, without a listener for each. */
export interface AbortPromise {
  /** The value, or `aborted` when the signal comes first; what is then left behind may reject unnoticed. */
  race<T>(work: Promise<T>): Promise<T | typeof aborted>;
  /** Settles when the signal aborts. */
  readonly done: Promise<typeof aborted>;
  cleanup(): void;
}

/** Follows a signal until cleanup(). */
export function followAbort(signal: AbortSignal): AbortPromise {
  const { promise, resolve } = Promise.withResolvers<typeof aborted>();
  const onAbort = () => resolve(aborted);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return {
    done: promise,
    race(work) {
      work.catch(() => undefined);
      return Promise.race([work, promise]);
    },
    cleanup: () => signal.removeEventListener("abort", onAbort),
  };
}
