/** A time span: milliseconds as a number, or a number with a unit such as `"250ms"`, `"2s"`, `"5m"`, `"1h"`. */
export type Duration = number | `${number}ms` | `${number}s` | `${number}m` | `${number}h`;
