/** Names of verdicts by their number in report.proto. */
const names = ["unknown", "allowed", "denied", "audited", "limited", "failed-open", "failed-closed"] as const;

export type VerdictName = (typeof names)[number];

/** Stands for every verdict that is newer than this version. */
export const OTHER_VERDICT = names.length;

export function verdictName(verdict: number): VerdictName {
  return names[verdict] ?? "unknown";
}
