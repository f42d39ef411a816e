/** A signal with the means to let go of its timer. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True when time ran out, false when the outer signal ended it or nothing has yet. */
  expired(): boolean;
  /** Clears the timer and the listener. Call it when the work is done; twice is fine. */
  cleanup(): void;
}

/**
 * A signal that aborts when `signal` does, or after `ms`, whichever comes first.
 * The reason is the outer signal's, or a DOMException named "TimeoutError".
 */
export function withDeadline(signal: AbortSignal | undefined, ms: number): Deadline {
  const controller = new AbortController();
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    controller.abort(new DOMException(`the deadline of ${ms} ms passed`, "TimeoutError"));
  }, ms);
  const follow = () => {
    clearTimeout(timer);
    controller.abort(signal?.reason);
  };
  if (signal?.aborted) follow();
  else signal?.addEventListener("abort", follow, { once: true });
  const cleanup = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", follow);
  };
  return { signal: controller.signal, expired: () => expired, cleanup };
}

/** Waits for work, but no longer than `ms`; true when it has ended by then. Leaves no timer behind that would keep the process. */
export async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
