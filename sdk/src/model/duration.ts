import { PluginMistake, show } from "../errors/mistake.ts";
import { placeOfCaller } from "../errors/place.ts";
import type { Duration } from "../public/duration.ts";

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration that an author wrote; `name` says of what, for the mistake's message. */
export function parseDuration(value: Duration, name: string): number {
  const ms = toMs(value);
  if (ms !== undefined) return ms;
  const hint = 'Write milliseconds as a number, or a number with ms, s, m or h, such as "2s"';
  throw new PluginMistake(`${name} is ${show(value)}, which is not a duration`, { hint, place: placeOfCaller() });
}

/** Whether parseDuration() would take it. */
export function isDuration(value: unknown): value is Duration {
  return toMs(value) !== undefined;
}

function toMs(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0 ? value : undefined;
  const found = typeof value === "string" ? /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value.trim()) : null;
  const unit = found && unitsMs[found[2] ?? ""];
  return unit ? Number(found[1]) * unit : undefined;
}
