import { Verdict } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import type { PartContext, ReportFields, ReportPart } from "../report/report-parts.ts";

export { Verdict };

/** What policies decided since the last report. */
export interface DecisionCounts extends ReportPart {
  /** `policy`: "AuthorizationPolicy production/no-staging" or "default"; `source`: proven name, or "unknown". */
  add(policy: string, source: string, verdict: Verdict): void;
  /** Decisions that found no row. */
  overflowed(): number;
}

interface Row {
  readonly policy: string;
  readonly source: string;
  readonly verdict: Verdict;
  count: number;
}

/** The contract's bound of rows is 1,000; at 20 bytes each, so many leave most of a report's reserve to others. */
const MAX_DECISION_ROWS = 500;
/** Under which the callers beyond that are counted together. */
const OVERFLOW = "overflow";

export function createDecisionCounts(maxRows = MAX_DECISION_ROWS): DecisionCounts {
  let rows = new Map<string, Row>();
  let overflowed = 0;

  function count(policy: string, source: string, verdict: Verdict): boolean {
    const key = `${verdict} ${source} ${policy}`;
    const row = rows.get(key);
    if (row !== undefined) row.count += 1;
    else if (rows.size < maxRows) rows.set(key, { policy, source, verdict, count: 1 });
    else return false;
    return true;
  }

  return {
    add(policy, source, verdict) {
      // The last rows are for the sum of those who came late.
      const late = rows.size >= maxRows * 0.9 && !rows.has(`${verdict} ${source} ${policy}`);
      if (!count(policy, late ? OVERFLOW : source, verdict)) overflowed += 1;
    },
    overflowed: () => overflowed,
    pending: () => rows.size > 0,
    take(report) {
      const taken = [...rows.values()];
      rows = new Map();
      return { decisions: taken.map((row) => decisionOf(row, report)) } satisfies ReportFields;
    },
  };
}

function decisionOf({ policy, source, verdict, count }: Row, { strings, hasRoom }: PartContext) {
  const text = (value: string): number => (hasRoom() ? strings.index(value) : strings.index(OVERFLOW));
  return { policy: text(policy), source: text(source), verdict, count };
}
