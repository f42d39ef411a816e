/**
 * A time span: milliseconds as a number, or whole numbers with units as in Gateway API (GEP-2257), such as `"250ms"`, `"2s"`, `"1h"` or
 * `"1m30s"`.
 */
export type Duration = number | Part | `${Part}${Part}`;

type Part = `${bigint}${"ms" | "s" | "m" | "h"}`;
