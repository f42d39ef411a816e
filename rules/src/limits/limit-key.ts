import type { RequestFacts } from "@patchbay/model";
import { headerValue } from "../match/headers.ts";
import { RuleError } from "../rule-error.ts";

/** Reads the values of a limit's `by` from a request. */
export type KeyReader = (facts: RequestFacts) => readonly string[];

/** Longer values are cut: a client chooses its headers, and each value is a bucket. */
const MAX_VALUE = 256;

const READERS: ReadonlyMap<string, (facts: RequestFacts) => string> = new Map([
  ["source", ({ source }: RequestFacts) => source.identity],
  ["route", ({ route = "" }: RequestFacts) => route],
  ["method", ({ method }: RequestFacts) => method],
]);

const EMPTY: readonly string[] = [];

/** Throws RuleError when it does not know one. */
export function keyReader(by: readonly string[]): KeyReader {
  if (by.length === 0) return () => EMPTY;
  const parts = by.map(partReader);
  return (facts) => parts.map((part) => part(facts).slice(0, MAX_VALUE));
}

function partReader(by: string): (facts: RequestFacts) => string {
  const known = READERS.get(by);
  if (known !== undefined) return known;
  const [, header] = /^header:([!#$%&'*+\-.^_`|~\w]+)$/.exec(by) ?? [];
  if (header === undefined)
    throw new RuleError(`cannot count by ${JSON.stringify(by)}: source, route, method or header:NAME`);
  const name = header.toLowerCase();
  return ({ headers }) => headerValue(headers, name) ?? "";
}
