/** As Gateway API writes time (GEP-2257): one to four numbers of at most five digits with h, m, s or ms. */
const DURATION = /^(?:\d{1,5}(?:h|m|s|ms)){1,4}$/;
const UNIT_MS: readonly (readonly [string, number])[] = [
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

/** What to write instead of something that is no duration. */
export const DURATION_HINT = "write it as 10s, 500ms or 1h30m: whole numbers with h, m, s or ms";

/** Milliseconds of "10s" or "1h30m"; undefined when it is none. The one grammar of resources, configuration and the command line. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  const units = new Map(UNIT_MS);
  const parts = [...text.matchAll(/(\d+)(h|ms|m|s)/g)];
  return parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (units.get(unit) ?? 0), 0);
}

/** As `parseDuration` reads it: "500ms", "1m30s", "24h". Parts of a millisecond are left out. */
export function durationText(ms: number): string {
  let rest = ms;
  const parts = UNIT_MS.map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count > 0 ? `${count}${unit}` : "";
  });
  const text = parts.join("");
  return text === "" ? "0s" : text;
}
