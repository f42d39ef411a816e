import { parseDuration } from "@patchbay/model";
import { PluginMistake, show } from "../errors/mistake.ts";
import { placeOfCaller } from "../errors/place.ts";
import type { Duration } from "../public/duration.ts";

/** Milliseconds of a duration that an author wrote; `name` says of what, for the mistake's message. */
export function readDuration(value: Duration, name: string): number {
  const ms = toMs(value);
  if (ms !== undefined) return ms;
  const hint =
    'Write milliseconds as a number, or whole numbers with h, m, s or ms, such as "2s", "1m30s", or "1500ms" for 1.5 s';
  throw new PluginMistake(`${name} is ${show(value)}, which is not a duration`, { hint, place: placeOfCaller() });
}

/** Whether readDuration() would take it. */
export function isDuration(value: unknown): value is Duration {
  return toMs(value) !== undefined;
}

function toMs(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0 ? value : undefined;
  return typeof value === "string" ? parseDuration(value) : undefined;
}
