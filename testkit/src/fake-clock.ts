import { setImmediate as nextTurn } from "node:timers/promises";
import { type Cancel, type Clock, pauseOn } from "@patchbay/model";

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Moves time on, runs what becomes due, in order and each at its own time, and lets promises settle after each. */
  advance(ms: number): Promise<void>;
  /** Sets the machine's clock: `now` jumps, timers and `monotonic` do not. */
  jump(ms: number): void;
  /** How many timers wait. */
  pending(): number;
}

interface Timer {
  readonly at: number;
  readonly work: () => void;
}

/** Turns of the event loop after each timer: enough for a chain of promises and what it has made due at once. */
const TURNS = 3;

/** `now` begins at `epochMs`; default: the first of 2026. */
export function createFakeClock(epochMs: number = Date.UTC(2026, 0, 1)): FakeClock {
  const timers = new Set<Timer>();
  let time = 0;
  let offset = epochMs;
  const after = (ms: number, work: () => void): Cancel => {
    const timer = { at: time + Math.max(0, ms), work };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  const every = (ms: number, work: () => void): Cancel => {
    let cancel: Cancel;
    const turn = (): void => {
      cancel = after(ms, turn);
      work();
    };
    cancel = after(ms, turn);
    return () => cancel();
  };
  const advance = async (ms: number): Promise<void> => {
    const end = time + ms;
    await settle();
    for (let next = earliest(timers, end); next !== undefined; next = earliest(timers, end)) {
      timers.delete(next);
      time = next.at;
      next.work();
      await settle();
    }
    time = end;
  };
  return {
    now: () => offset + time,
    monotonic: () => time,
    after,
    every,
    pause: (ms, signal) => pauseOn(after, ms, signal),
    advance,
    jump(ms) {
      offset += ms;
    },
    pending: () => timers.size,
  };
}

/** The timer that is due first, no later than `end`; of several, the one that was set first. */
function earliest(timers: ReadonlySet<Timer>, end: number): Timer | undefined {
  let first: Timer | undefined;
  for (const timer of timers) if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer;
  return first;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await nextTurn();
}
