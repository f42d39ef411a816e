import { authorFrames, placeInStack } from "./place.ts";

/** What else is known of a mistake. */
export interface MistakeOptions {
  /** `"src/plugin.ts:12:5"`. */
  readonly place?: string | undefined;
  /** What to do instead, a sentence. */
  readonly hint?: string | undefined;
  /** What the author's code threw: its frames become the mistake's. */
  readonly thrown?: unknown;
}

/**
 * Something in the plugin's own code is wrong. The message is one line for the author: what, what to do, where.
 * The stack holds the author's frames and no others.
 */
export class PluginMistake extends Error {
  override readonly name = "PluginMistake";
  readonly place: string | undefined;

  constructor(what: string, { place, hint, thrown }: MistakeOptions = {}) {
    const parts = [
      endSentence(what),
      hint === undefined ? "" : endSentence(hint),
      place === undefined ? "" : `(${place})`,
    ];
    super(parts.filter(Boolean).join(" "));
    this.place = place;
    const frames = authorFrames(thrown instanceof Error ? thrown.stack : this.stack);
    this.stack = [`${this.name}: ${this.message}`, ...frames].join("\n");
  }
}

/**
 * Turns a value thrown by the author's code into one line: `resolve("users") threw TypeError: x is not iterable (src/plugin.ts:9:3)`.
 * `place` is used when the thrown value's stack has no place.
 */
export function describeThrown(doing: string, thrown: unknown, place?: string): PluginMistake {
  if (thrown instanceof PluginMistake) return thrown;
  if (!(thrown instanceof Error)) {
    const hint = "Throw an Error, so that it carries a message and a place";
    return new PluginMistake(`${doing} threw ${show(thrown)}`, { place, hint, thrown });
  }
  const where = placeInStack(thrown.stack) ?? place;
  return new PluginMistake(`${doing} threw ${thrown.name}: ${oneLine(thrown.message)}`, {
    place: where,
    thrown,
  });
}

/** A value as a person would write it, short. */
export function show(value: unknown): string {
  if (typeof value === "function") return `the function ${value.name === "" ? "without a name" : value.name}`;
  if (value instanceof Promise) return "a Promise";
  if (typeof value === "symbol" || typeof value === "bigint") return String(value);
  const text = safeJson(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

function safeJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").trim();
}

function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
