import { RE2JS } from "@bufbuild/re2";
import { RuleError } from "./rule-error.ts";

/** A regular expression in RE2 syntax, matched in time linear in the text whatever either of them holds. */
export interface Pattern {
  /** Somewhere in the text. */
  test(text: string): boolean;
  /** The whole text. */
  testWhole(text: string): boolean;
}

export const MAX_PATTERN_LENGTH = 256;
/** Steps that a pattern is compiled to; "x{1000}" alone is 1,000, and each may be looked at for each character. */
const MAX_PATTERN_STEPS = 300;

/** Throws RuleError: not RE2 syntax, or too costly. */
export function compilePattern(source: string): Pattern {
  if (source.length > MAX_PATTERN_LENGTH)
    throw new RuleError(`a regular expression has at most ${MAX_PATTERN_LENGTH} characters, this one ${source.length}`);
  const compiled = compile(source);
  if (compiled.re2Input.prog.inst.length > MAX_PATTERN_STEPS)
    throw new RuleError(`the regular expression ${JSON.stringify(source)} is too costly; repeat fewer times`);
  return { test: (text) => compiled.test(text), testWhole: (text) => compiled.testExact(text) };
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^error parsing regexp: /, "") : String(error);
    throw new RuleError(`${JSON.stringify(source)} is no regular expression in RE2 syntax: ${why}`);
  }
}
