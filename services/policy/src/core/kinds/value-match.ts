import { create } from "@bufbuild/protobuf";
import { MatchType, type ValueMatch, ValueMatchSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compilePattern } from "@patchbay/rules";
import { checkHeaderName } from "../header-names.ts";
import { checkEach, checkUnique, type Path, type SpecProblem } from "../problem.ts";
import { list, object, text } from "../schema.ts";
import { enforceable } from "./enforceable.ts";

/** A header or query parameter that has a value. */
export interface ValueMatchSpec {
  /** Default "Exact". */
  readonly type?: "Exact" | "RegularExpression";
  readonly name: string;
  readonly value: string;
}

export const valueMatchesSchema = list(
  object({ type: { enum: ["Exact", "RegularExpression"] }, name: text(256), value: text(4_096) }, ["name", "value"]),
  16,
  0,
);

export function checkHeaderMatches(matches: readonly ValueMatchSpec[] | undefined, path: Path): readonly SpecProblem[] {
  return [
    ...checkEach(matches, path, ({ name }, at) => checkHeaderName(name, [...at, "name"])),
    ...checkUnique(matches, path, ({ name }) => name.toLowerCase()),
    ...checkPatterns(matches, path),
  ];
}

export function checkQueryMatches(matches: readonly ValueMatchSpec[] | undefined, path: Path): readonly SpecProblem[] {
  return [...checkUnique(matches, path, ({ name }) => name), ...checkPatterns(matches, path)];
}

function checkPatterns(matches: readonly ValueMatchSpec[] | undefined, path: Path): readonly SpecProblem[] {
  return checkEach(matches, path, ({ type, value }, at) =>
    type === "RegularExpression" ? checkPattern(value, [...at, "value"]) : [],
  );
}

/** A regular expression that proxies can run. */
export function checkPattern(pattern: string, path: Path): readonly SpecProblem[] {
  return enforceable(() => compilePattern(pattern), path);
}

export function encodeHeaderMatch({ type, name, value }: ValueMatchSpec): ValueMatch {
  return create(ValueMatchSchema, { type: typeOf(type), name: name.toLowerCase(), value });
}

export function encodeQueryMatch({ type, name, value }: ValueMatchSpec): ValueMatch {
  return create(ValueMatchSchema, { type: typeOf(type), name, value });
}

function typeOf(type: ValueMatchSpec["type"]): MatchType {
  return type === "RegularExpression" ? MatchType.REGULAR_EXPRESSION : MatchType.EXACT;
}
