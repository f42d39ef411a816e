import type { Instant } from "../../src/core/lease/instant.ts";

/** A clock that goes when it is told to. */
export interface Clock {
  now(): Instant;
  advance(ms: number): void;
}

export function createClock(start = 1_000_000): Clock {
  let ms = 0;
  return {
    now: () => ({ mono: ms, wall: start + ms }),
    advance: (by) => {
      ms += by;
    },
  };
}
