/** Lets loops sleep until there may be something to do. Look at the state first, then wait: nothing is remembered in between. */
export interface Wakeup {
  /** Wakes all that wait now. */
  wake(): void;
  /** Resolves at the next wake(). */
  wait(): Promise<void>;
}

export function createWakeup(): Wakeup {
  let waiting: PromiseWithResolvers<void> | undefined;
  return {
    wake() {
      waiting?.resolve();
      waiting = undefined;
    },
    wait() {
      waiting ??= Promise.withResolvers<void>();
      return waiting.promise;
    },
  };
}
