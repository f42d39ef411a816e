import { type Clock, pauseOn } from "@patchbay/model";

const after: Clock["after"] = (ms, work, { background = false } = {}) => {
  const timer = setTimeout(work, ms);
  if (background) timer.unref();
  return () => clearTimeout(timer);
};

/** The machine's own clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after,
  every(ms, work) {
    const timer = setInterval(work, ms).unref();
    return () => clearInterval(timer);
  },
  pause: (ms, signal) => pauseOn(after, ms, signal),
};
