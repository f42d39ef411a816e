/** What became of the reports that were received since the start. Plain numbers, because they change with every report. */
export interface ReportCounts {
  /** Stored and counted. */
  applied: number;
  /** Counted before, here or by another replica. */
  duplicate: number;
  /** Malformed, beyond a limit, or in another's name. */
  refused: number;
  /** Not stored; the proxy sends them again. */
  failed: number;
}

export function createReportCounts(): ReportCounts {
  return { applied: 0, duplicate: 0, refused: 0, failed: 0 };
}
