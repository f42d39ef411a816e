/** Names of verdicts by their number in report.proto. */
const NAMES = ["unknown", "allowed", "denied", "audited", "limited", "failed-open", "failed-closed"] as const;

export type VerdictName = (typeof NAMES)[number];

/** Stands for every verdict that is newer than this version. */
export const OTHER_VERDICT = NAMES.length;

export function verdictName(verdict: number): VerdictName {
  return NAMES[verdict] ?? "unknown";
}
