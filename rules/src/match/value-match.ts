import { normalizeEscapes } from "@patchbay/model";
import { MatchType, type PathMatch, type ValueMatch } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { Condition } from "../authorization/condition.ts";
import { RuleError } from "../rule-error.ts";
import { compilePattern, renewWork } from "./pattern.ts";

/** Compares a header or a query parameter; undefined: it is not there, which matches nothing. */
export function compileValue(match: ValueMatch, what: string): Condition<string | undefined> {
  const test = testOf(match);
  const wanted = match.type === MatchType.EXACT ? match.value : `/${match.value}/`;
  return {
    holds: (value) => value !== undefined && test(value),
    why: (value) =>
      value === undefined ? `there is no ${what} ${match.name}` : `${what} ${match.name} is ${value}, not ${wanted}`,
  };
}

function testOf({ type, value }: ValueMatch): (text: string) => boolean {
  if (type === MatchType.EXACT) return (text) => text === value;
  if (type === MatchType.REGULAR_EXPRESSION) {
    return wholeTest(value);
  }
  throw new RuleError(`cannot compare a value by match type ${type}`);
}

/** What is too long for its pattern does not match. */
function wholeTest(source: string): (text: string) => boolean {
  const pattern = compilePattern(source);
  return (text) => {
    renewWork();
    try {
      return pattern.testWhole(text);
    } catch (error) {
      if (error instanceof RuleError) return false;
      throw error;
    }
  };
}

/** By path elements: "/abc" and "/abc/" match "/abc" and "/abc/d", not "/abcd". */
export function compilePathMatch({ type, value }: PathMatch): Condition<string> {
  const why = (path: string): string => `the path is ${path}, not ${describe(type, value)}`;
  if (type === MatchType.REGULAR_EXPRESSION) {
    return { holds: wholeTest(value), why };
  }
  const wanted = normalizeEscapes(value, true);
  if (type === MatchType.EXACT) return { holds: (path) => path === wanted, why };
  if (type !== MatchType.PATH_PREFIX) throw new RuleError(`cannot compare a path by match type ${type}`);
  const folder = wanted.endsWith("/") ? wanted : `${wanted}/`;
  const itself = folder.slice(0, -1);
  return { holds: (path) => path === itself || path.startsWith(folder), why };
}

/** "under /abc", "/abc" or "like /a.c/", for people. */
export function describe(type: MatchType, value: string): string {
  if (type === MatchType.PATH_PREFIX) return `under ${value}`;
  return type === MatchType.EXACT ? value : `like ${value}`;
}
