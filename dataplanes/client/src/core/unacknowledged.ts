/** Reports that were made and are not yet stored by telemetry, in order, bounded in number and bytes. */
export interface Unacknowledged {
  /** May another be made? When not, the table goes on counting, and the next report covers a longer time. */
  hasRoom(): boolean;
  push(report: PendingReport): void;
  /** Telemetry has it, or refused it for good. False: it was not waited for. */
  remove(sequence: number): boolean;
  /** The first one after this sequence. */
  after(sequence: number): PendingReport | undefined;
  size(): number;
}

export interface PendingReport {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

export function createUnacknowledged(limits: {
  readonly maxReports: number;
  readonly maxBytes: number;
}): Unacknowledged {
  const reports = new Map<number, PendingReport>();
  let bytes = 0;
  return {
    hasRoom: () => reports.size < limits.maxReports && bytes < limits.maxBytes,
    push(report) {
      reports.set(report.sequence, report);
      bytes += report.bytes.length;
    },
    remove(sequence) {
      const report = reports.get(sequence);
      bytes -= report?.bytes.length ?? 0;
      return reports.delete(sequence);
    },
    after(sequence) {
      for (const report of reports.values()) if (report.sequence > sequence) return report;
      return undefined;
    },
    size: () => reports.size,
  };
}
