/** Runs the tasks of one key after another, those of different keys side by side. */
export interface SubjectQueue {
  /** Never rejects unless the task does. */
  run(key: string, task: () => Promise<void>): Promise<void>;
}

/** Its length is bounded by the consumer's limit of deliveries in flight. */
export function createSubjectQueue(): SubjectQueue {
  const tails = new Map<string, Promise<void>>();
  return {
    async run(key, task) {
      const before = tails.get(key);
      const mine = before ? before.then(task, task) : task();
      const settled = mine.catch(() => undefined);
      tails.set(key, settled);
      try {
        await mine;
      } finally {
        if (tails.get(key) === settled) tails.delete(key);
      }
    },
  };
}
