/**
 * Upper bounds of the latency buckets in milliseconds, each inclusive; a last bucket without bound follows. Those of
 * linkerd2-proxy's `response_latency_ms`: five steps in each of five decades. Writers and readers of
 * histograms share them, so that a bucket's index means the same to both.
 */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1_000, 2_000, 3_000, 4_000, 5_000, 10_000, 20_000, 30_000,
  40_000, 50_000,
];

/** Number of buckets: one for each bound, and the last for all above. */
export const LATENCY_BUCKETS = LATENCY_BOUNDS_MS.length + 1;

/**
 * Index of the bucket that a latency in milliseconds falls into, 0 to 25: the first whose bound is not below it.
 * NaN counts as above all bounds.
 */
export function latencyBucket(ms: number): number {
  let low = 0;
  let high = LATENCY_BOUNDS_MS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ms <= (LATENCY_BOUNDS_MS[middle] ?? Number.POSITIVE_INFINITY)) high = middle;
    else low = middle + 1;
  }
  return low;
}
