import { LATENCY_BOUNDS_MS } from "@patchbay/wire/latency-buckets";
import type { Latency } from "../public/report.ts";

/**
 * A distribution from a report's pairs (bucket index, count). Pairs may repeat; indices past the last bucket are ignored.
 * `sumUs` is the sum of all latencies in microseconds.
 */
export function readLatency(pairs: readonly number[], sumUs: number): Latency {
  const counts = new Map<number, number>();
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const index = pairs[at] ?? 0;
    if (index <= LATENCY_BOUNDS_MS.length) counts.set(index, (counts.get(index) ?? 0) + (pairs[at + 1] ?? 0));
  }
  const buckets = [...counts]
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => a - b)
    .map(([index, count]) => ({ upTo: LATENCY_BOUNDS_MS[index] ?? Number.POSITIVE_INFINITY, count }));
  const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  const at = (quantile: number) => percentile(buckets, count * quantile);
  return { count, mean: count === 0 ? 0 : sumUs / 1_000 / count, p50: at(0.5), p95: at(0.95), p99: at(0.99), buckets };
}

/** Linear inside the bucket that holds the rank, as Prometheus' histogram_quantile does; the lower bound for the last. */
function percentile(buckets: Latency["buckets"], rank: number): number {
  let below = 0;
  for (const { upTo, count } of buckets) {
    if (below + count < rank) {
      below += count;
      continue;
    }
    const lower = lowerBound(upTo);
    return Number.isFinite(upTo) ? lower + ((upTo - lower) * (rank - below)) / count : lower;
  }
  return 0;
}

function lowerBound(upTo: number): number {
  const index = Number.isFinite(upTo) ? LATENCY_BOUNDS_MS.indexOf(upTo) : LATENCY_BOUNDS_MS.length;
  return index > 0 ? (LATENCY_BOUNDS_MS[index - 1] ?? 0) : 0;
}
