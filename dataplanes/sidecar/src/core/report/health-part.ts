import type { HealthRow } from "../balancing/target-health.ts";
import type { ReportPart } from "./report-parts.ts";

/** Source of the targets' health. */
export interface HealthSource {
  /** Something has changed since the last `take`. */
  pending(): boolean;
  take(): readonly HealthRow[];
}

/** With at most 70 bytes each: 35 KiB of a report. */
const MAX_ROWS = 500;

/** The report's part that says how targets stand. */
export function createHealthPart(source: HealthSource): ReportPart {
  return {
    pending: source.pending,
    take({ strings, hasRoom }) {
      const rows = source.take().slice(0, MAX_ROWS);
      // Names of targets are mostly those of rows, and take no room.
      const health = rows.flatMap(({ target, backend, ...rest }) =>
        hasRoom() ? [{ ...rest, target: strings.index(target), backend: strings.index(backend) }] : [],
      );
      return { health };
    },
  };
}
