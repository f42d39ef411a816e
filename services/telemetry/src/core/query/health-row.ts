import type { Verdict } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { compare } from "./stat-row.ts";

/** How a target stands with one source: sums over the source's proxies. */
export interface HealthRow {
  readonly source: string;
  readonly target: string;
  /** The target itself when nothing else was chosen. */
  readonly backend: string;
  /** Proxies that reported it in the window, and those of them whose gauges are fresh. */
  proxies: number;
  reporting: number;
  /** Gauges: the largest number of endpoints that one proxy sees, then sums. 0 when none is fresh. */
  endpoints: number;
  ejected: number;
  outstanding: number;
  retryBudget: number;
  /** Counts of the window. */
  ejections: number;
  refused: number;
  overloads: number;
  retries: number;
  retriesDenied: number;
}

/** How often one policy decided so about one source. */
export interface DecisionRow {
  /** Service whose proxies decided. */
  readonly target: string;
  readonly policy: string;
  readonly source: string;
  /** As report.proto numbers them. */
  readonly verdict: Verdict;
  count: number;
}

export interface HealthResult {
  /** Seconds that the counts cover. */
  readonly windowSeconds: number;
  /** End of the window, in ms since the epoch. */
  readonly asOfMs: number;
  readonly rows: readonly HealthRow[];
  readonly decisions: readonly DecisionRow[];
}

export function emptyHealthRow(source: string, target: string, backend: string): HealthRow {
  const gauges = { proxies: 0, reporting: 0, endpoints: 0, ejected: 0, outstanding: 0, retryBudget: 0 };
  return { source, target, backend, ...gauges, ejections: 0, refused: 0, overloads: 0, retries: 0, retriesDenied: 0 };
}

/** Merges the answers of several replicas, each of which counted reports that the others did not. */
export function mergeHealth(results: readonly HealthResult[]): HealthResult {
  const rows = new Map<string, HealthRow>();
  for (const row of results.flatMap((result) => result.rows)) {
    const key = JSON.stringify([row.source, row.target, row.backend]);
    const sum = rows.get(key) ?? emptyHealthRow(row.source, row.target, row.backend);
    rows.set(key, sum);
    addRow(sum, row);
  }
  const decisions = new Map<string, DecisionRow>();
  for (const row of results.flatMap((result) => result.decisions)) {
    const key = JSON.stringify([row.target, row.policy, row.source, row.verdict]);
    const sum = decisions.get(key) ?? { ...row, count: 0 };
    decisions.set(key, sum);
    sum.count += row.count;
  }
  return {
    windowSeconds: Math.max(0, ...results.map((result) => result.windowSeconds)),
    asOfMs: Math.max(0, ...results.map((result) => result.asOfMs)),
    rows: sortHealth(rows.values()),
    decisions: sortDecisions(decisions.values()),
  };
}

/** By target, source, backend, so that the same question gives the same order. */
export function sortHealth(rows: Iterable<HealthRow>): HealthRow[] {
  return [...rows].sort(
    (a, b) => compare(a.target, b.target) || compare(a.source, b.source) || compare(a.backend, b.backend),
  );
}

/** By target, policy, source, verdict. */
export function sortDecisions(rows: Iterable<DecisionRow>): DecisionRow[] {
  return [...rows].sort(
    (a, b) =>
      compare(a.target, b.target) ||
      compare(a.policy, b.policy) ||
      compare(a.source, b.source) ||
      a.verdict - b.verdict,
  );
}

function addRow(sum: HealthRow, row: HealthRow): void {
  sum.proxies += row.proxies;
  sum.reporting += row.reporting;
  sum.endpoints = Math.max(sum.endpoints, row.endpoints);
  sum.ejected += row.ejected;
  sum.outstanding += row.outstanding;
  sum.retryBudget += row.retryBudget;
  sum.ejections += row.ejections;
  sum.refused += row.refused;
  sum.overloads += row.overloads;
  sum.retries += row.retries;
  sum.retriesDenied += row.retriesDenied;
}
