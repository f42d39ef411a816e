import { LATENCY_BOUNDS_MS } from "@patchbay/model";
import type { Latency } from "../public/report.ts";

const last = LATENCY_BOUNDS_MS.length;

/**
 * A distribution from a report's pairs (bucket index, count). Pairs may repeat; indices past the last bucket are ignored.
 * `sumUs` is the sum of all latencies in microseconds.
 */
export function readLatency(pairs: readonly number[], sumUs: number): Latency {
  const sorted = isInOrder(pairs) ? pairs : inOrder(pairs);
  const buckets: { upTo: number; count: number }[] = [];
  let count = 0;
  for (let at = 0; at < sorted.length; at += 2) {
    const more = sorted[at + 1] ?? 0;
    buckets.push({ upTo: LATENCY_BOUNDS_MS[sorted[at] ?? last] ?? Number.POSITIVE_INFINITY, count: more });
    count += more;
  }
  const quantile = (q: number) => percentile(sorted, count * q);
  const mean = count === 0 ? 0 : sumUs / 1_000 / count;
  return { count, mean, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), buckets };
}

/** As proxies write them: whole pairs, indices ascending, each with something in it. */
function isInOrder(pairs: readonly number[]): boolean {
  if (pairs.length % 2 === 1) return false;
  let before = -1;
  for (let at = 0; at < pairs.length; at += 2) {
    const index = pairs[at] ?? 0;
    if (index <= before || index > last || pairs[at + 1] === 0) return false;
    before = index;
  }
  return true;
}

/** Any other list of pairs in that form. */
function inOrder(pairs: readonly number[]): readonly number[] {
  const counts = new Float64Array(last + 1);
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const index = pairs[at] ?? 0;
    if (index <= last) counts[index] = (counts[index] ?? 0) + (pairs[at + 1] ?? 0);
  }
  return [...counts].flatMap((count, index) => (count > 0 ? [index, count] : []));
}

/** Linear inside the bucket that holds the rank, as Prometheus' histogram_quantile does; the lower bound for the last. */
function percentile(pairs: readonly number[], rank: number): number {
  let below = 0;
  for (let at = 0; at < pairs.length; at += 2) {
    const index = pairs[at] ?? 0;
    const count = pairs[at + 1] ?? 0;
    if (below + count >= rank) {
      const lower = LATENCY_BOUNDS_MS[index - 1] ?? 0;
      const upper = LATENCY_BOUNDS_MS[index] ?? lower;
      return lower + ((upper - lower) * (rank - below)) / count;
    }
    below += count;
  }
  return 0;
}
