import { RE2JS } from "@bufbuild/re2";
import { RuleError } from "../rule-error.ts";

/**
 * A regular expression in RE2 syntax, matched in time linear in the text. Both throw RuleError when
 * the text is too long for a costly pattern; see `renewWork`.
 */
export interface Pattern {
  /** Somewhere in the text. */
  test(text: string): boolean;
  /** The whole text. */
  testWhole(text: string): boolean;
}

const MAX_PATTERN_LENGTH = 256;
/** Steps that a pattern is compiled to; "x{1000}" alone is 1,000, and each may be looked at for each character. */
const MAX_PATTERN_STEPS = 300;

/** States of its automaton that a pattern may have, each a kilobyte; "a[ab]{100}c" would make one for each character it sees. */
const MAX_STATES = 300;
/**
 * Steps times characters for the slow way of patterns that have more states, about 5 ms. Where all states are known a character
 * costs 20 ns, and nothing is counted.
 */
const MAX_WORK = 25_000;

let workLeft = MAX_WORK;

/** Begins a decision: what patterns may cost is counted anew. */
export function renewWork(): void {
  workLeft = MAX_WORK;
}

/** Throws RuleError: not RE2 syntax, or too costly. */
export function compilePattern(source: string): Pattern {
  if (source.length > MAX_PATTERN_LENGTH)
    throw new RuleError(`a regular expression has at most ${MAX_PATTERN_LENGTH} characters, this one ${source.length}`);
  const compiled = compile(source);
  if (compiled.re2Input.prog.inst.length > MAX_PATTERN_STEPS)
    throw new RuleError(`the regular expression ${JSON.stringify(source)} is too costly; repeat fewer times`);
  bound(compiled, source);
  return { test: (text) => compiled.test(text), testWhole: (text) => compiled.testExact(text) };
}

/** One attempt to know all states; then the slow way, within bounds. */
function bound({ re2Input }: RE2JS, source: string): void {
  re2Input.dfa.stateLimit = MAX_STATES;
  re2Input.dfa.cacheClears = Number.POSITIVE_INFINITY;
  const steps = re2Input.prog.inst.length;
  const slowly = re2Input._nfaFallback.bind(re2Input);
  re2Input._nfaFallback = (input, from, anchor) => {
    workLeft -= steps * (input.endPos() - from);
    if (workLeft < 0) throw new RuleError(`the text is too long for the regular expression ${JSON.stringify(source)}`);
    return slowly(input, from, anchor);
  };
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^error parsing regexp: /, "") : String(error);
    throw new RuleError(`${JSON.stringify(source)} is no regular expression in RE2 syntax: ${why}`);
  }
}
