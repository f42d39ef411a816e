/** Something with a deadline. */
export interface Timed {
  /** Milliseconds on the caller's clock. May be moved at any time, without telling. */
  deadline: number;
  /** The deadline passed. Moves it, or leaves by `forget`; else it is asked again at the next sweep. */
  expire(now: number): void;
}

/** Many deadlines under one timer: watching and moving cost nothing, passing is noticed at the next sweep. */
export interface Deadlines {
  watch(timed: Timed): void;
  forget(timed: Timed): void;
  sweep(now: number): void;
  readonly size: number;
}

export function createDeadlines(): Deadlines {
  const watched = new Set<Timed>();
  return {
    watch: (timed) => void watched.add(timed),
    forget: (timed) => void watched.delete(timed),
    sweep(now) {
      for (const timed of watched) if (now >= timed.deadline) timed.expire(now);
    },
    get size() {
      return watched.size;
    },
  };
}
