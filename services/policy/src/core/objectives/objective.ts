import { latencyBucket } from "@patchbay/model";
import type { Origin } from "@patchbay/proto/mesh/common/v1/origin_pb";
import { MIN_REQUESTS } from "@patchbay/rules";

/** A service level objective: the share of requests that should be good. */
export interface ObjectiveSpec {
  readonly namespace: string;
  readonly name: string;
  /** As telemetry names services: "users", "users.staging". Empty: all callers. */
  readonly source: string;
  readonly target: string;
  /** Promised share of good requests, above 0 and below 1. */
  readonly ratio: number;
  /** Requests that take longer are not good. 0: latency does not count. */
  readonly latencyBoundMs: number;
  readonly shortMs: number;
  readonly longMs: number;
  /** Burn rate that both windows must exceed for an alert. */
  readonly burnRate: number;
  readonly origin: Origin;
}

/** What telemetry counted for one pair in a window. */
export interface CountedPair {
  readonly requests: bigint;
  readonly failures: bigint;
  /** Pairs (bucket index, count) over LATENCY_BOUNDS_MS. */
  readonly latency: readonly bigint[];
}

/** One window of an objective. */
export interface Measured {
  readonly windowMs: number;
  /** Milliseconds of it that the data covers. */
  readonly coveredMs: number;
  readonly good: number;
  readonly total: number;
}

export type ObjectiveState = "ok" | "burning" | "no-data";

/**
 * Good and all requests. A request is not good when it failed or took longer than the bound; telemetry counts the two apart, so a
 * slow failure counts twice: the error is on the side of alerting.
 */
export function measure(rows: readonly CountedPair[], latencyBoundMs: number): { good: number; total: number } {
  let total = 0;
  let bad = 0;
  for (const { requests, failures, latency } of rows) {
    total += Number(requests);
    bad += Number(failures) + (latencyBoundMs > 0 ? slower(latency, latencyBoundMs) : 0);
  }
  return { good: Math.max(0, total - bad), total };
}

/** Latencies are counted in buckets, so the effective bound is that of the bucket that it falls into. */
function slower(latency: readonly bigint[], boundMs: number): number {
  const last = latencyBucket(boundMs);
  let count = 0;
  for (let at = 0; at + 1 < latency.length; at += 2) if (Number(latency[at]) > last) count += Number(latency[at + 1]);
  return count;
}

/** How many times faster than allowed the error budget is used; 1: exactly as fast. SRE workbook, chapter 5. */
export function burn({ good, total }: Pick<Measured, "good" | "total">, ratio: number): number {
  return total === 0 ? 0 : (total - good) / total / (1 - ratio);
}

/** Share of a window's error budget that is left; below 0 it is overspent. */
export function budgetLeft(window: Pick<Measured, "good" | "total">, ratio: number): number {
  return 1 - burn(window, ratio);
}

/**
 * Burning begins when both windows burn above the rate: the long one shows that it matters, the short one that it continues. It
 * ends when the short one is below the rate. A broken service loses its callers, so silence does not end it
 * while the long window burns.
 */
export function nextState(
  before: ObjectiveState,
  { short, long }: { readonly short: Measured; readonly long: Measured },
  spec: Pick<ObjectiveSpec, "ratio" | "burnRate">,
): ObjectiveState {
  const longBurns = burns(long, spec);
  if (long.total < MIN_REQUESTS) return "no-data";
  if (short.total < MIN_REQUESTS) return before === "burning" && longBurns ? "burning" : "no-data";
  const shortBurns = burns(short, spec);
  if (before === "burning") return shortBurns ? "burning" : "ok";
  return shortBurns && longBurns ? "burning" : "ok";
}

/** Whether a window uses its budget faster than the rate. */
export function burns(
  window: Pick<Measured, "good" | "total">,
  { ratio, burnRate }: Pick<ObjectiveSpec, "ratio" | "burnRate">,
): boolean {
  return burn(window, ratio) > burnRate;
}
