/**
 * The wait is counted in this many parts, each of which is over when its timer fires, however late that is: a loop that was
 * blocked has not heard what has arrived meanwhile, and must not give up all its connections for it.
 */
const PARTS = 5;

/** Calls `expired` after `ms`, later by most of the time that the loop was blocked. Returns how to stop it. */
export function startCoarseTimer(ms: number, expired: () => void): () => void {
  let left = PARTS;
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) return;
    clearInterval(timer);
    expired();
  }, ms / PARTS);
  return () => clearInterval(timer);
}
