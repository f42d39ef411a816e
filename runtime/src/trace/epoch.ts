/** The clocks differ by more only when one was set, or the machine slept. */
const TOLERANCE_MS = 2;

let offset = performance.timeOrigin;

/** A time of `performance.now()`'s clock as milliseconds since the epoch, with its fractions. Default: now. */
export function epochMs(time = performance.now()): number {
  const measured = Date.now() - performance.now();
  if (Math.abs(measured - offset) > TOLERANCE_MS) offset = measured;
  return offset + time;
}
