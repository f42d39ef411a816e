/** Lets at most `limit` pass at a time; the others wait in order. */
export interface Gate {
  /** Calls `enter` now or later. Returns how to leave, or to stop waiting; twice is fine. */
  pass(enter: () => void): () => void;
  readonly waiting: number;
}

export function createGate(limit: number): Gate {
  const queue = new Set<() => void>();
  let inside = 0;
  const admit = (): void => {
    for (const enter of queue) {
      if (inside >= limit) return;
      queue.delete(enter);
      inside += 1;
      enter();
    }
  };
  return {
    get waiting() {
      return queue.size;
    },
    pass(enter) {
      let gone = false;
      const waiter = (): void => enter();
      queue.add(waiter);
      admit();
      return () => {
        if (gone) return;
        gone = true;
        if (queue.delete(waiter)) return;
        inside -= 1;
        admit();
      };
    },
  };
}
