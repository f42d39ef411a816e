import { LATENCY_BOUNDS_MS } from "@patchbay/model";

/**
 * Estimates a quantile in milliseconds from bucket counts, assuming that latencies lie evenly inside a bucket:
 *
 *     rank = q * total;  p = low + (high - low) * (rank - below) / inside
 *
 * where `below` counts the buckets under the one that holds the rank and `inside` is that one's own count. The first
 * bucket begins at 0; the last has no upper bound and answers with its lower one, as Prometheus's histogram_quantile
 * does. 0 when nothing was counted.
 */
export function quantile(counts: ArrayLike<number>, q: number): number {
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) total += counts[bucket] ?? 0;
  if (total === 0) return 0;
  const rank = q * total;
  let below = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const inside = counts[bucket] ?? 0;
    if (inside > 0 && below + inside >= rank) return interpolate(bucket, (rank - below) / inside);
    below += inside;
  }
  return LATENCY_BOUNDS_MS.at(-1) ?? 0;
}

function interpolate(bucket: number, share: number): number {
  const low = bucket === 0 ? 0 : (LATENCY_BOUNDS_MS[bucket - 1] ?? 0);
  const high = LATENCY_BOUNDS_MS[bucket] ?? low;
  return low + (high - low) * share;
}
