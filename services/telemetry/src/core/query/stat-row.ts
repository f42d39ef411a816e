import { LATENCY_BUCKETS } from "@patchbay/model";

/** What tells rows of an answer apart; empty where the question does not ask for it. */
export interface RowNames {
  readonly source: string;
  readonly target: string;
  readonly backend: string;
  readonly route: string;
}

/** Sums of one answer row. */
export interface StatRow extends RowNames {
  requests: number;
  failures: number;
  retries: number;
  requestBytes: number;
  responseBytes: number;
  tcpOpen: number;
  /** Requests a second. */
  rps: number;
  /** Counts by latency bucket. */
  readonly latency: Float64Array;
}

export interface StatResult {
  /** Seconds that the rows cover. */
  readonly windowSeconds: number;
  /** End of the window, in ms since the epoch. */
  readonly asOfMs: number;
  readonly rows: readonly StatRow[];
}

export function emptyRow({ source, target, backend, route }: RowNames): StatRow {
  const zero = { requests: 0, failures: 0, retries: 0, requestBytes: 0, responseBytes: 0, tcpOpen: 0, rps: 0 };
  return { source, target, backend, route, ...zero, latency: new Float64Array(LATENCY_BUCKETS) };
}

/** Merges the answers of several replicas, each of which counted reports that the others did not. */
export function mergeResults(results: readonly StatResult[]): StatResult {
  const rows = new Map<string, StatRow>();
  for (const row of results.flatMap((result) => result.rows)) {
    const key = rowKey(row);
    const sum = rows.get(key) ?? emptyRow(row);
    rows.set(key, sum);
    addRow(sum, row);
  }
  return {
    windowSeconds: Math.max(0, ...results.map((result) => result.windowSeconds)),
    asOfMs: Math.max(0, ...results.map((result) => result.asOfMs)),
    rows: sortRows(rows.values()),
  };
}

/** By source, target, backend, route, so that the same question gives the same order. */
export function sortRows(rows: Iterable<StatRow>): StatRow[] {
  return [...rows].sort(
    (a, b) =>
      compare(a.source, b.source) ||
      compare(a.target, b.target) ||
      compare(a.backend, b.backend) ||
      compare(a.route, b.route),
  );
}

function addRow(sum: StatRow, row: StatRow): void {
  sum.requests += row.requests;
  sum.failures += row.failures;
  sum.retries += row.retries;
  sum.requestBytes += row.requestBytes;
  sum.responseBytes += row.responseBytes;
  sum.tcpOpen += row.tcpOpen;
  sum.rps += row.rps;
  row.latency.forEach((count, bucket) => {
    sum.latency[bucket] = (sum.latency[bucket] ?? 0) + count;
  });
}

function rowKey({ source, target, backend, route }: StatRow): string {
  return JSON.stringify([source, target, backend, route]);
}

/** Order of names, by their code units. */
export function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
