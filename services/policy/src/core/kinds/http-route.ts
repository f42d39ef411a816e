import { create } from "@bufbuild/protobuf";
import { MatchType, type RouteMatch, RouteMatchSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { type Path, problem, type SpecProblem } from "../problem.ts";
import { object, text } from "../schema.ts";
import { checkRetry, encodeRetry, httpRetrySchema } from "./retry.ts";
import { createRouteKind } from "./route-kind.ts";
import {
  checkHeaderMatches,
  checkPattern,
  checkQueryMatches,
  encodeHeaderMatch,
  encodeQueryMatch,
  type ValueMatchSpec,
  valueMatchesSchema,
} from "./value-match.ts";

interface HttpMatchSpec {
  readonly path?: PathSpec;
  readonly headers?: readonly ValueMatchSpec[];
  readonly queryParams?: readonly ValueMatchSpec[];
  readonly method?: string;
}

interface PathSpec {
  /** Default "PathPrefix". */
  readonly type?: "Exact" | "PathPrefix" | "RegularExpression";
  /** Default "/". */
  readonly value?: string;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

const matchSchema = object({
  path: object({ type: { enum: ["Exact", "PathPrefix", "RegularExpression"] }, value: text(1_024) }),
  headers: valueMatchesSchema,
  queryParams: valueMatchesSchema,
  method: { enum: METHODS },
});

function checkMatch({ path: spec, headers, queryParams }: HttpMatchSpec, path: Path): readonly SpecProblem[] {
  return [
    ...checkPath(spec ?? {}, [...path, "path", "value"]),
    ...checkHeaderMatches(headers, [...path, "headers"]),
    ...checkQueryMatches(queryParams, [...path, "queryParams"]),
  ];
}

function checkPath({ type = "PathPrefix", value = "/" }: PathSpec, path: Path): readonly SpecProblem[] {
  if (type === "RegularExpression") return checkPattern(value, path);
  const written = JSON.stringify(value);
  if (!value.startsWith("/")) return [problem(path, `${written} is not a path`, `write "/${value}"`)];
  if (/[?#]/.test(value)) return [problem(path, `${written} holds a query`, "use queryParams")];
  if (/\/\/|\/\.{1,2}(?:\/|$)|%2f/i.test(value))
    return [
      problem(path, `${written} can never match`, "paths are compared without //, dot segments and encoded slashes"),
    ];
  return [];
}

const types = {
  Exact: MatchType.EXACT,
  PathPrefix: MatchType.PATH_PREFIX,
  RegularExpression: MatchType.REGULAR_EXPRESSION,
};

function encodeMatch({ path = {}, headers = [], queryParams = [], method = "" }: HttpMatchSpec): RouteMatch {
  const { type = "PathPrefix", value = "/" } = path;
  // By path elements, "/abc/" and "/abc" are one prefix.
  const trimmed = type === "PathPrefix" && value.length > 1 ? value.replace(/\/$/, "") : value;
  return create(RouteMatchSchema, {
    path: { type: types[type], value: trimmed },
    headers: headers.map(encodeHeaderMatch),
    queryParams: queryParams.map(encodeQueryMatch),
    method,
  });
}

export const httpRoute = createRouteKind<HttpMatchSpec, number>({
  kind: "HTTPRoute",
  matchSchema,
  retrySchema: httpRetrySchema,
  checkMatch,
  checkRetry,
  encodeMatch,
  encodeRetry,
});
