import { create } from "@bufbuild/protobuf";
import { DEFAULT_NAMESPACE, isDnsLabel, spiffeId, splitSpiffeId } from "@patchbay/model";
import { type Operation, OperationSchema, type Source, SourceSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileExpression } from "@patchbay/rules";
import { checkEach, type Path, problem, type SpecProblem } from "../problem.ts";
import { label, list, object, text } from "../schema.ts";

/** Condition on the caller. Matches when all fields that are set match. */
export interface SourceSpec {
  readonly identities?: readonly string[];
  readonly notIdentities?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly notNamespaces?: readonly string[];
}

/** Condition on the request. Matches when all fields that are set match. */
export interface OperationSpec {
  readonly methods?: readonly string[];
  readonly notMethods?: readonly string[];
  readonly paths?: readonly string[];
  readonly notPaths?: readonly string[];
}

/** The condition of an authorization rule or of a limit. */
export interface Condition {
  readonly from?: readonly SourceSpec[];
  readonly to?: readonly OperationSpec[];
  readonly when?: string;
}

const names = list(label, 64);
const identities = list(text(512), 64);
const methods = list(text(32), 32);
const paths = list(text(1_024), 64);

// An empty entry would match everything, which its author hardly intends.
const source = {
  ...object({ identities, notIdentities: identities, namespaces: names, notNamespaces: names }),
  minProperties: 1,
};
const operation = { ...object({ methods, notMethods: methods, paths, notPaths: paths }), minProperties: 1 };

export const conditionSchema = { from: list(source, 32), to: list(operation, 32), when: text(2_048) };

export function checkCondition({ from, to, when }: Condition, path: Path): readonly SpecProblem[] {
  return [
    ...checkEach(from, [...path, "from"], checkSource),
    ...checkEach(to, [...path, "to"], checkOperation),
    ...checkWhen(when, [...path, "when"]),
  ];
}

function checkSource({ identities: some, notIdentities }: SourceSpec, path: Path): readonly SpecProblem[] {
  return [
    ...checkEach(some, [...path, "identities"], checkIdentity),
    ...checkEach(notIdentities, [...path, "notIdentities"], checkIdentity),
  ];
}

/** A SPIFFE ID in which "*" stands for any characters. */
function checkIdentity(pattern: string, path: Path): readonly SpecProblem[] {
  const written = JSON.stringify(pattern);
  if (/[^\x21-\x7e]/.test(pattern)) return [problem(path, `${written} holds what no identity does`)];
  if (pattern.startsWith("spiffe://") || pattern.startsWith("*")) return [];
  const example = spiffeId({ namespace: DEFAULT_NAMESPACE, name: isDnsLabel(pattern) ? pattern : "web" });
  const hint = `${example}, with * for any characters`;
  return [problem(path, `${written} is not a SPIFFE ID`, hint)];
}

function checkOperation(spec: OperationSpec, path: Path): readonly SpecProblem[] {
  return [
    ...checkEach(spec.methods, [...path, "methods"], checkMethod),
    ...checkEach(spec.notMethods, [...path, "notMethods"], checkMethod),
    ...checkEach(spec.paths, [...path, "paths"], checkPath),
    ...checkEach(spec.notPaths, [...path, "notPaths"], checkPath),
  ];
}

function checkMethod(method: string, path: Path): readonly SpecProblem[] {
  if (/^[A-Z][A-Z0-9_-]*$/.test(method)) return [];
  const upper = method.toUpperCase();
  const hint = /^[A-Z][A-Z0-9_-]*$/.test(upper) ? `write ${upper}` : "such as GET";
  return [problem(path, `${JSON.stringify(method)} is not a method`, hint)];
}

/** "/exact", "/prefix/*" or "*\/suffix". */
function checkPath(written: string, path: Path): readonly SpecProblem[] {
  const inner = written.replace(/^\*|\*$/, "");
  const text = JSON.stringify(written);
  if (inner.includes("*") || (written.length > 1 && written.startsWith("*") && written.endsWith("*")))
    return [problem(path, `${text} has a * where it has no meaning`, 'as "/admin/*" or "*/info"')];
  if (!written.startsWith("/") && !written.startsWith("*"))
    return [problem(path, `${text} is not a path`, `write "/${written}", or "*/${written}" for its end`)];
  if (/[?#]/.test(inner))
    return [problem(path, `${text} holds a query`, "paths are compared without it; use `when` for the query")];
  if (/\/\/|\/\.{1,2}(?:\/|$)/.test(inner))
    return [problem(path, `${text} can never match`, "paths are compared without // and without dot segments")];
  return [];
}

function checkWhen(when: string | undefined, path: Path): readonly SpecProblem[] {
  if (when === undefined) return [];
  const compiled = compileExpression(when, "request");
  if (compiled.ok) return [];
  const { column, message, hint } = compiled.problem;
  return [problem(path, `column ${column}: ${message}`, hint)];
}

function encodeSource(spec: SourceSpec): Source {
  return create(SourceSchema, {
    identities: [...(spec.identities ?? [])],
    notIdentities: [...(spec.notIdentities ?? [])],
    namespaces: [...(spec.namespaces ?? [])],
    notNamespaces: [...(spec.notNamespaces ?? [])],
  });
}

function encodeOperation(spec: OperationSpec): Operation {
  return create(OperationSchema, {
    methods: [...(spec.methods ?? [])],
    notMethods: [...(spec.notMethods ?? [])],
    paths: [...(spec.paths ?? [])],
    notPaths: [...(spec.notPaths ?? [])],
  });
}

/** A condition in the snapshot's form. */
export function encodeCondition({ from = [], to = [], when = "" }: Condition): {
  from: Source[];
  to: Operation[];
  when: string;
} {
  return { from: from.map(encodeSource), to: to.map(encodeOperation), when };
}

/** "from web.shop, not staging"; empty: any caller. */
export function whomText(from: readonly SourceSpec[] | undefined): string {
  const names = (from ?? []).flatMap(({ identities = [], notIdentities = [], namespaces = [], notNamespaces = [] }) => [
    ...identities.map(shortIdentity),
    ...namespaces,
    ...[...notIdentities, ...notNamespaces].map((name) => `not ${name}`),
  ]);
  return names.length === 0 ? "" : `from ${names.join(", ")}`;
}

/** "to GET /admin/*"; empty: anything. */
export function whatText(to: readonly OperationSpec[] | undefined): string {
  const parts = (to ?? []).map(({ methods = [], notMethods = [], paths = [], notPaths = [] }) =>
    [
      ...methods,
      ...notMethods.map((method) => `not ${method}`),
      ...paths,
      ...notPaths.map((path) => `not ${path}`),
    ].join(" "),
  );
  return parts.length === 0 ? "" : `to ${parts.join(", ")}`;
}

/** "web.production" or "*.production" for the pattern of a SPIFFE ID. */
function shortIdentity(pattern: string): string {
  const parts = splitSpiffeId(pattern);
  return parts === undefined ? pattern : `${parts.name}.${parts.namespace}`;
}
