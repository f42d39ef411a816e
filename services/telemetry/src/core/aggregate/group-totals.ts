import { LATENCY_BUCKETS } from "@patchbay/model";
import {
  type GroupTable,
  TOTAL_BUCKETS,
  TOTAL_COUNT,
  TOTAL_LATENCY_US,
  TOTAL_REQUEST_BYTES,
  TOTAL_RESPONSE_BYTES,
  TOTAL_RETRIES,
  TOTALS,
} from "./group-table.ts";
import {
  COUNTS,
  PAGE_BUCKETS,
  PAGE_COUNT,
  PAGE_LATENCY_US,
  PAGE_REQUEST_BYTES,
  PAGE_RESPONSE_BYTES,
  PAGE_RETRIES,
  SUMS,
  type WindowPage,
} from "./window-page.ts";
import type { Windows } from "./windows.ts";

/** Adds all that a page holds to totals in the columns of `GroupTable.totals`. */
export function addPage(totals: Float64Array, page: WindowPage): void {
  for (let row = 0; row < page.rows; row++) addRow(totals, (page.groups[row] ?? 0) * TOTALS, { page, row });
}

const ATTEMPTS = 3;

/**
 * The totals of all groups by now: what left the finest pages, and what is still in them. Yields between pages; when one
 * has left meanwhile it begins again, a few times, and then goes through without a break.
 */
export function* snapshotTotals(groups: GroupTable, windows: Windows): Generator<void, Float64Array> {
  for (let attempt = 1; ; attempt++) {
    const { departures } = windows;
    const totals = groups.totals.slice();
    for (const page of windows.recent()) {
      if (page.rows === 0) continue;
      addPage(totals, page);
      if (attempt < ATTEMPTS) yield;
    }
    if (departures === windows.departures) return totals;
  }
}

function addRow(totals: Float64Array, to: number, { page, row }: { page: WindowPage; row: number }): void {
  const { counts, sums } = page;
  const from = row * COUNTS;
  const sum = row * SUMS;
  totals[to + TOTAL_COUNT] = (totals[to + TOTAL_COUNT] ?? 0) + (counts[from + PAGE_COUNT] ?? 0);
  totals[to + TOTAL_RETRIES] = (totals[to + TOTAL_RETRIES] ?? 0) + (counts[from + PAGE_RETRIES] ?? 0);
  totals[to + TOTAL_LATENCY_US] = (totals[to + TOTAL_LATENCY_US] ?? 0) + (sums[sum + PAGE_LATENCY_US] ?? 0);
  totals[to + TOTAL_REQUEST_BYTES] = (totals[to + TOTAL_REQUEST_BYTES] ?? 0) + (sums[sum + PAGE_REQUEST_BYTES] ?? 0);
  totals[to + TOTAL_RESPONSE_BYTES] = (totals[to + TOTAL_RESPONSE_BYTES] ?? 0) + (sums[sum + PAGE_RESPONSE_BYTES] ?? 0);
  for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
    const at = to + TOTAL_BUCKETS + bucket;
    totals[at] = (totals[at] ?? 0) + (counts[from + PAGE_BUCKETS + bucket] ?? 0);
  }
}
