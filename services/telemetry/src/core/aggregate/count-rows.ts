import * as column from "../decode/report-table.ts";
import { FLOATS, INTS, type ReportTable } from "../decode/report-table.ts";
import {
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
  PAGE_FAILURES,
  PAGE_LATENCY_US,
  PAGE_REQUEST_BYTES,
  PAGE_RESPONSE_BYTES,
  PAGE_RETRIES,
  SUMS,
  type WindowPage,
} from "./window-page.ts";

// Written out without helpers and without objects: these run for every row of every report.

/** Adds the rows of a report to a page; `groups` has the group of each row. */
export function countInPage(page: WindowPage, table: ReportTable, groups: Int32Array): void {
  const { ints, floats, latency, latencyEnds } = table;
  let pair = 0;
  for (let row = 0; row < table.rowCount; row++) {
    const pageRow = page.row(groups[row] ?? 0);
    const { counts, sums } = page;
    const to = pageRow * COUNTS;
    const sum = pageRow * SUMS;
    const int = row * INTS;
    const float = row * FLOATS;
    const count = ints[int + column.COUNT] ?? 0;
    counts[to + PAGE_COUNT] = (counts[to + PAGE_COUNT] ?? 0) + count;
    if (ints[int + column.FAILURE] === 1) counts[to + PAGE_FAILURES] = (counts[to + PAGE_FAILURES] ?? 0) + count;
    counts[to + PAGE_RETRIES] = (counts[to + PAGE_RETRIES] ?? 0) + (ints[int + column.RETRIES] ?? 0);
    sums[sum + PAGE_LATENCY_US] = (sums[sum + PAGE_LATENCY_US] ?? 0) + (floats[float + column.LATENCY_SUM_US] ?? 0);
    sums[sum + PAGE_REQUEST_BYTES] =
      (sums[sum + PAGE_REQUEST_BYTES] ?? 0) + (floats[float + column.REQUEST_BYTES] ?? 0);
    sums[sum + PAGE_RESPONSE_BYTES] =
      (sums[sum + PAGE_RESPONSE_BYTES] ?? 0) + (floats[float + column.RESPONSE_BYTES] ?? 0);
    for (const end = latencyEnds[row] ?? 0; pair < end; pair += 2) {
      const bucket = to + PAGE_BUCKETS + (latency[pair] ?? 0);
      counts[bucket] = (counts[bucket] ?? 0) + (latency[pair + 1] ?? 0);
    }
  }
}

/** Adds the rows of a report straight to the totals of their groups, where no page will bring them. */
export function countInTotals(totals: Float64Array, table: ReportTable, groups: Int32Array): void {
  const { ints, floats, latency, latencyEnds } = table;
  let pair = 0;
  for (let row = 0; row < table.rowCount; row++) {
    const to = (groups[row] ?? 0) * TOTALS;
    const int = row * INTS;
    const float = row * FLOATS;
    totals[to + TOTAL_COUNT] = (totals[to + TOTAL_COUNT] ?? 0) + (ints[int + column.COUNT] ?? 0);
    totals[to + TOTAL_RETRIES] = (totals[to + TOTAL_RETRIES] ?? 0) + (ints[int + column.RETRIES] ?? 0);
    totals[to + TOTAL_LATENCY_US] = (totals[to + TOTAL_LATENCY_US] ?? 0) + (floats[float + column.LATENCY_SUM_US] ?? 0);
    totals[to + TOTAL_REQUEST_BYTES] =
      (totals[to + TOTAL_REQUEST_BYTES] ?? 0) + (floats[float + column.REQUEST_BYTES] ?? 0);
    totals[to + TOTAL_RESPONSE_BYTES] =
      (totals[to + TOTAL_RESPONSE_BYTES] ?? 0) + (floats[float + column.RESPONSE_BYTES] ?? 0);
    for (const end = latencyEnds[row] ?? 0; pair < end; pair += 2) {
      const bucket = to + TOTAL_BUCKETS + (latency[pair] ?? 0);
      totals[bucket] = (totals[bucket] ?? 0) + (latency[pair + 1] ?? 0);
    }
  }
}
