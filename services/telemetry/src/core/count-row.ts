import type { GroupTable } from "./group-table.ts";
import { addPage } from "./group-totals.ts";
import * as column from "./report-table.ts";
import { FLOATS, INTS, type ReportTable } from "./report-table.ts";
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
  WindowPage,
} from "./window-page.ts";

// Written out without helpers: these run for every row of every report, and a helper for both kinds of arrays costs
// half as much again.

interface ReportRow {
  readonly table: ReportTable;
  readonly row: number;
}

/** Adds a row of a report to its group's row in a page. */
export function countInPage(page: WindowPage, group: number, { table, row }: ReportRow): void {
  const pageRow = page.row(group);
  const { counts, sums } = page;
  const { ints, floats, latency, latencyEnds } = table;
  const to = pageRow * COUNTS;
  const sum = pageRow * SUMS;
  const int = row * INTS;
  const float = row * FLOATS;
  const count = ints[int + column.COUNT] ?? 0;
  counts[to + PAGE_COUNT] = (counts[to + PAGE_COUNT] ?? 0) + count;
  if (ints[int + column.FAILURE] === 1) counts[to + PAGE_FAILURES] = (counts[to + PAGE_FAILURES] ?? 0) + count;
  counts[to + PAGE_RETRIES] = (counts[to + PAGE_RETRIES] ?? 0) + (ints[int + column.RETRIES] ?? 0);
  sums[sum + PAGE_LATENCY_US] = (sums[sum + PAGE_LATENCY_US] ?? 0) + (floats[float + column.LATENCY_SUM_US] ?? 0);
  sums[sum + PAGE_REQUEST_BYTES] = (sums[sum + PAGE_REQUEST_BYTES] ?? 0) + (floats[float + column.REQUEST_BYTES] ?? 0);
  sums[sum + PAGE_RESPONSE_BYTES] =
    (sums[sum + PAGE_RESPONSE_BYTES] ?? 0) + (floats[float + column.RESPONSE_BYTES] ?? 0);
  const end = latencyEnds[row] ?? 0;
  for (let at = row === 0 ? 0 : (latencyEnds[row - 1] ?? 0); at < end; at += 2) {
    const bucket = to + PAGE_BUCKETS + (latency[at] ?? 0);
    counts[bucket] = (counts[bucket] ?? 0) + (latency[at + 1] ?? 0);
  }
}

/** Adds a row of a report straight to its group's totals: for what no page takes, or only one that is in them already. */
export function countInGroup(groups: GroupTable, group: number, { table, row }: ReportRow): void {
  countInPage(scratch, group, { table, row });
  addPage(groups.totals, scratch);
  scratch.reset(0);
}

const scratch = new WindowPage(false);
