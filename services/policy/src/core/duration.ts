import { type Duration, durationFromMs } from "@bufbuild/protobuf/wkt";
import { DURATION_HINT, durationText, parseDuration } from "@patchbay/model";
import { type Path, problem, type SpecProblem } from "./problem.ts";

/** JSON Schema of a duration; `checkDuration` says more about a wrong one than a pattern could. */
export const durationSchema = { type: "string", minLength: 1, maxLength: 32 };

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
    return [problem(path, `${JSON.stringify(text)} is not a duration`, DURATION_HINT)];
  }
  if (ms < leastMs) return [problem(path, `${text} is too short`, `at least ${durationText(leastMs)}`)];
  if (ms > mostMs) return [problem(path, `${text} is too long`, `at most ${durationText(mostMs)}`)];
  return [];
}
