import { type Duration, durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Path, problem, type SpecProblem } from "./problem.ts";

/** As Gateway API writes time (GEP-2257): one to four numbers of at most five digits with h, m, s or ms. */
const DURATION = /^(?:\d{1,5}(?:h|m|s|ms)){1,4}$/;
const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** JSON Schema of a duration; `checkDuration` says more about a wrong one than a pattern could. */
export const durationSchema = { type: "string", minLength: 1, maxLength: 32 };

/** Milliseconds of "10s" or "1h30m"; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+)(h|ms|m|s)/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit ?? ""] ?? 0), 0);
}

/** Milliseconds of a checked duration. */
export function durationMs(text: string): number {
  return parseDuration(text) ?? 0;
}

/** Unset when absent or zero. */
export function durationOf(text: string | undefined): Duration | undefined {
  const ms = text === undefined ? 0 : durationMs(text);
  return ms === 0 ? undefined : durationFromMs(ms);
}

export interface DurationRange {
  readonly leastMs?: number;
  readonly mostMs?: number;
}

const DAY_MS = 86_400_000;

export function checkDuration(
  text: string | undefined,
  path: Path,
  { leastMs = 0, mostMs = DAY_MS }: DurationRange = {},
): readonly SpecProblem[] {
  if (text === undefined) return [];
  const ms = parseDuration(text);
  if (ms === undefined) {
    const hint = "write it as 10s, 500ms or 1h30m: whole numbers with h, m, s or ms";
    return [problem(path, `${JSON.stringify(text)} is not a duration`, hint)];
  }
  if (ms < leastMs) return [problem(path, `${text} is too short`, `at least ${durationText(leastMs)}`)];
  if (ms > mostMs) return [problem(path, `${text} is too long`, `at most ${durationText(mostMs)}`)];
  return [];
}

/** "1h30m" */
export function durationText(ms: number): string {
  let rest = ms;
  const parts = Object.entries(UNIT_MS).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? "" : `${count}${unit}`;
  });
  return parts.join("") || "0s";
}
