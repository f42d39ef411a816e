import type { RequestFacts } from "@patchbay/model";
import { foldEnd, foldPath, normalizeEscapes } from "@patchbay/model";
import type { Operation } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { RuleError } from "../rule-error.ts";
import { allOf, type Condition, oneOf } from "./condition.ts";
import type { Effect } from "./source-match.ts";

/** A path of a rule, read. */
interface PathPattern {
  readonly kind: "exact" | "prefix" | "suffix" | "any";
  readonly text: string;
}

/** Throws RuleError: "*" stands elsewhere than at one end, or the path begins with neither "/" nor "*". */
export function readPathPattern(pattern: string, folded: boolean): PathPattern {
  const fold = (text: string): string => {
    const normal = normalizeEscapes(text, true);
    return folded ? foldPath(normal) : normal;
  };
  const exact = (text: string): string => (folded ? foldEnd(text) : text);
  if (pattern === "*") return { kind: "any", text: "" };
  const stars = pattern.split("*").length - 1;
  if (stars === 0 && pattern.startsWith("/")) return { kind: "exact", text: exact(fold(pattern)) };
  if (stars === 1 && pattern.startsWith("/") && pattern.endsWith("*"))
    return { kind: "prefix", text: fold(pattern.slice(0, -1)) };
  if (stars === 1 && pattern.startsWith("*")) return { kind: "suffix", text: fold(pattern.slice(1)) };
  throw new RuleError(`cannot enforce the path ${JSON.stringify(pattern)}: it is exact, "/admin/*" or "*/info"`);
}

/**
 * What is called. Of a rule that restricts, the paths and methods that it names are compared without regard to case and the
 * exceptions exactly; of one that permits, the other way round.
 */
export function compileOperation(operation: Operation, effect: Effect): Condition<RequestFacts> {
  const { methods, notMethods, paths, notPaths } = operation;
  const restricts = effect === "restricts";
  const conditions: Condition<RequestFacts>[] = [];
  if (methods.length > 0) conditions.push(methodIn(methods, restricts));
  if (notMethods.length > 0)
    conditions.push(leftOut(methodIn(notMethods, !restricts), ({ method }) => `request.method is ${method}`));
  if (paths.length > 0) conditions.push(pathIn(paths, restricts));
  if (notPaths.length > 0)
    conditions.push(leftOut(pathIn(notPaths, !restricts), ({ path }) => `request.path is ${path}`));
  return allOf(conditions);
}

/** Whether an operation restricts anything at all. */
export function isEmptyOperation({ methods, notMethods, paths, notPaths }: Operation): boolean {
  return methods.length + notMethods.length + paths.length + notPaths.length === 0;
}

function methodIn(names: readonly string[], folded: boolean): Condition<RequestFacts> {
  const known = new Set(folded ? names.map((name) => name.toUpperCase()) : names);
  return {
    holds: ({ method }) => known.has(method) || (folded && known.has(method.toUpperCase())),
    why: ({ method }) => `request.method is ${method}, not ${oneOf(names)}`,
  };
}

function pathIn(texts: readonly string[], folded: boolean): Condition<RequestFacts> {
  const patterns = texts.map((text) => readPathPattern(text, folded));
  const any = patterns.some(({ kind }) => kind === "any");
  const exact = new Set(patterns.filter(({ kind }) => kind === "exact").map(({ text }) => text));
  const prefixes = patterns.filter(({ kind }) => kind === "prefix").map(({ text }) => text);
  const suffixes = patterns.filter(({ kind }) => kind === "suffix").map(({ text }) => text);
  return {
    holds(facts) {
      const path = folded ? foldPath(facts.path) : facts.path;
      const end = folded ? foldEnd(path) : path;
      return (
        any ||
        exact.has(end) ||
        prefixes.some((prefix) => path.startsWith(prefix)) ||
        suffixes.some((suffix) => path.endsWith(suffix) || end.endsWith(suffix))
      );
    },
    why: ({ path }) => `request.path is ${path}, not ${oneOf(texts)}`,
  };
}

function leftOut<Facts>(condition: Condition<Facts>, what: (facts: Facts) => string): Condition<Facts> {
  return { holds: (facts) => !condition.holds(facts), why: (facts) => `${what(facts)}, which is left out` };
}
