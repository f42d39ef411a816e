import { create } from "@bufbuild/protobuf";
import {
  type HeaderChange,
  HeaderChangeSchema,
  type Mirror,
  MirrorSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { checkChangedName, checkHeaderValue } from "../header-names.ts";
import { checkEach, checkUnique, type Path, problem, type SpecProblem } from "../problem.ts";
import { anything, list, object, text } from "../schema.ts";
import { authorityOf, checkServiceRef, type ServiceRef, serviceRefSchema } from "./targets.ts";

export interface FilterSpec {
  readonly type: string;
  readonly requestHeaderModifier?: HeaderModifierSpec;
  readonly responseHeaderModifier?: HeaderModifierSpec;
  readonly requestMirror?: MirrorSpec;
}

export interface HeaderModifierSpec {
  readonly set?: readonly HeaderSpec[];
  readonly add?: readonly HeaderSpec[];
  readonly remove?: readonly string[];
}

interface HeaderSpec {
  readonly name: string;
  readonly value: string;
}

export interface MirrorSpec {
  readonly backendRef: ServiceRef;
  /** Share of requests; absent, and no `fraction`: all. */
  readonly percent?: number;
  readonly fraction?: { readonly numerator: number; readonly denominator?: number };
}

const header = object({ name: text(256), value: text(4_096) }, ["name", "value"]);
const modifier = object({ set: list(header, 16, 0), add: list(header, 16, 0), remove: list(text(256), 16, 0) });
const share = { type: "integer", minimum: 0, maximum: 2_147_483_647 };
const mirror = object(
  {
    backendRef: object(serviceRefSchema, ["name"]),
    percent: { type: "integer", minimum: 0, maximum: 100 },
    fraction: object({ numerator: share, denominator: { ...share, minimum: 1 } }, ["numerator"]),
  },
  ["backendRef"],
);

export const filtersSchema = list(
  object(
    {
      type: text(64),
      requestHeaderModifier: modifier,
      responseHeaderModifier: modifier,
      requestMirror: mirror,
      requestRedirect: anything,
      urlRewrite: anything,
      cors: anything,
      externalAuth: anything,
      extensionRef: anything,
    },
    ["type"],
  ),
  16,
  0,
);

const FIELDS: ReadonlyMap<string, keyof FilterSpec> = new Map([
  ["RequestHeaderModifier", "requestHeaderModifier"],
  ["ResponseHeaderModifier", "responseHeaderModifier"],
  ["RequestMirror", "requestMirror"],
]);
const HINTS: ReadonlyMap<string, string> = new Map([
  ["ExternalAuth", "an AuthorizationPolicy with action Plugin asks a plugin"],
  ["URLRewrite", "let the service answer under both paths"],
  ["RequestRedirect", "redirects are for browsers; let the service answer them"],
]);

export function checkFilters(filters: readonly FilterSpec[] | undefined, path: Path): readonly SpecProblem[] {
  const once = filters?.filter(({ type }) => type !== "RequestMirror");
  return [...checkEach(filters, path, checkFilter), ...checkUnique(once, path, ({ type }) => type)];
}

function checkFilter(filter: FilterSpec, path: Path): readonly SpecProblem[] {
  const field = FIELDS.get(filter.type);
  if (field === undefined) {
    const hint = HINTS.get(filter.type) ?? `one of ${[...FIELDS.keys()].join(", ")}`;
    return [problem([...path, "type"], `${filter.type} is not supported`, hint)];
  }
  if (filter[field] === undefined) return [problem(path, `is of type ${filter.type} and has no ${field}`)];
  const other = Object.keys(filter).find((key) => key !== "type" && key !== field);
  if (other !== undefined) return [problem([...path, other], `has no meaning in a filter of type ${filter.type}`)];
  return [
    ...checkModifier(filter.requestHeaderModifier, [...path, "requestHeaderModifier"]),
    ...checkModifier(filter.responseHeaderModifier, [...path, "responseHeaderModifier"]),
    ...checkMirror(filter.requestMirror, [...path, "requestMirror"]),
  ];
}

function checkModifier(spec: HeaderModifierSpec | undefined, path: Path): readonly SpecProblem[] {
  const checkHeader = ({ name, value }: HeaderSpec, at: Path): readonly SpecProblem[] => [
    ...checkChangedName(name, [...at, "name"]),
    ...checkHeaderValue(value, [...at, "value"]),
  ];
  return [
    ...checkEach(spec?.set, [...path, "set"], checkHeader),
    ...checkEach(spec?.add, [...path, "add"], checkHeader),
    ...checkEach(spec?.remove, [...path, "remove"], checkChangedName),
    ...checkUnique(spec?.set, [...path, "set"], ({ name }) => name.toLowerCase()),
    ...checkUnique(spec?.add, [...path, "add"], ({ name }) => name.toLowerCase()),
    ...checkUnique(spec?.remove, [...path, "remove"], (name) => name.toLowerCase()),
  ];
}

function checkMirror(spec: MirrorSpec | undefined, path: Path): readonly SpecProblem[] {
  if (!spec) return [];
  const { numerator = 0, denominator = 100 } = spec.fraction ?? {};
  const found = [...checkServiceRef(spec.backendRef, [...path, "backendRef"])];
  if (spec.percent !== undefined && spec.fraction) found.push(problem(path, "has percent and fraction", "one of them"));
  if (numerator > denominator)
    found.push(problem([...path, "fraction"], `${numerator} of ${denominator} is more than all`));
  return found;
}

/** The change that one type of filter makes; undefined when there is none. */
export function headerChange(
  filters: readonly FilterSpec[] | undefined,
  field: "requestHeaderModifier" | "responseHeaderModifier",
): HeaderChange | undefined {
  const spec = filters?.find((filter) => filter[field] !== undefined)?.[field];
  if (!spec) return undefined;
  const lower = ({ name, value }: HeaderSpec): HeaderSpec => ({ name: name.toLowerCase(), value });
  return create(HeaderChangeSchema, {
    set: (spec.set ?? []).map(lower),
    add: (spec.add ?? []).map(lower),
    remove: (spec.remove ?? []).map((name) => name.toLowerCase()),
  });
}

export function encodeMirrors(filters: readonly FilterSpec[] | undefined, namespace: string): Mirror[] {
  return (filters ?? []).flatMap(({ requestMirror }) =>
    requestMirror ? [encodeMirror(requestMirror, namespace)] : [],
  );
}

function encodeMirror({ backendRef, percent, fraction }: MirrorSpec, namespace: string): Mirror {
  const authority = authorityOf(backendRef, namespace);
  if (fraction) {
    const { numerator, denominator = 100 } = fraction;
    return create(MirrorSchema, { authority, numerator, denominator });
  }
  if (percent !== undefined) return create(MirrorSchema, { authority, numerator: percent, denominator: 100 });
  return create(MirrorSchema, { authority });
}
