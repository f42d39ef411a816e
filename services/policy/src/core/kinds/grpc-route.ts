import { create } from "@bufbuild/protobuf";
import {
  MatchType,
  type PathMatch,
  PathMatchSchema,
  type PolicyRef,
  type RouteMatch,
  RouteMatchSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { checkEach, type Path, problem, type SpecProblem } from "../problem.ts";
import { object, text } from "../schema.ts";
import { checkGrpcRetry, encodeGrpcRetry, grpcRetrySchema, type RetrySpec } from "./retry.ts";
import {
  type CompiledRoute,
  checkRoute,
  encodeRule,
  parentsOf,
  type RouteSpec,
  type RuleSpec,
  routeSchema,
} from "./route.ts";
import {
  checkHeaderMatches,
  checkPattern,
  encodeHeaderMatch,
  type ValueMatchSpec,
  valueMatchesSchema,
} from "./value-match.ts";

export interface GrpcMatchSpec {
  readonly method?: MethodSpec;
  readonly headers?: readonly ValueMatchSpec[];
}

interface MethodSpec {
  /** Default "Exact". */
  readonly type?: "Exact" | "RegularExpression";
  /** Such as "demo.v1.Users"; absent: any. */
  readonly service?: string;
  readonly method?: string;
}

/** `timeouts` and `retry` are an addition to Gateway API, in HTTPRoute's shape. */
export interface GrpcRuleSpec extends RuleSpec {
  readonly matches?: readonly GrpcMatchSpec[];
  readonly retry?: RetrySpec<string | number>;
}

export type GrpcRouteSpec = RouteSpec<GrpcRuleSpec>;

export const grpcRouteSchema = routeSchema(
  object({
    method: {
      ...object({ type: { enum: ["Exact", "RegularExpression"] }, service: text(1_024), method: text(1_024) }),
      anyOf: [{ required: ["service"] }, { required: ["method"] }],
    },
    headers: valueMatchesSchema,
  }),
  grpcRetrySchema,
);

export function checkGrpcRoute(spec: GrpcRouteSpec): readonly SpecProblem[] {
  return checkRoute(spec, ({ matches, retry }, path) => [
    ...checkEach(matches, [...path, "matches"], checkMatch),
    ...checkGrpcRetry(retry, [...path, "retry"]),
  ]);
}

function checkMatch({ method, headers }: GrpcMatchSpec, path: Path): readonly SpecProblem[] {
  return [...checkMethod(method ?? {}, [...path, "method"]), ...checkHeaderMatches(headers, [...path, "headers"])];
}

function checkMethod({ type, service = "", method = "" }: MethodSpec, path: Path): readonly SpecProblem[] {
  if (type === "RegularExpression")
    return [...checkPattern(service, [...path, "service"]), ...checkPattern(method, [...path, "method"])];
  const found: SpecProblem[] = [];
  if (service && !/^[A-Za-z_][\w.]*$/.test(service))
    found.push(problem([...path, "service"], `${JSON.stringify(service)} is no gRPC service`, "such as demo.v1.Users"));
  if (method && !/^[A-Za-z_]\w*$/.test(method))
    found.push(problem([...path, "method"], `${JSON.stringify(method)} is no gRPC method`, "such as GetUser"));
  return found;
}

/** A checked spec in the snapshot's form. */
export function compileGrpcRoute({ parentRefs, rules = [{}] }: GrpcRouteSpec, ref: PolicyRef): CompiledRoute {
  return {
    parents: parentsOf(parentRefs, ref.namespace),
    rules: rules.map((rule, index) => ({
      rule: encodeRule(rule, { ref, index, retry: encodeGrpcRetry(rule.retry) }),
      matches: (rule.matches?.length ? rule.matches : [{}]).map(encodeMatch),
    })),
  };
}

function encodeMatch({ method, headers = [] }: GrpcMatchSpec): RouteMatch {
  return create(RouteMatchSchema, {
    path: encodePath(method ?? {}),
    headers: headers.map(encodeHeaderMatch),
    grpc: true,
  });
}

/** A gRPC call's path is "/service/method". */
function encodePath({ type = "Exact", service = "", method = "" }: MethodSpec): PathMatch {
  if (type === "RegularExpression") {
    const value = `/(?:${service || "[^/]+"})/(?:${method || "[^/]+"})`;
    return create(PathMatchSchema, { type: MatchType.REGULAR_EXPRESSION, value });
  }
  if (service && method) return create(PathMatchSchema, { type: MatchType.EXACT, value: `/${service}/${method}` });
  if (method) return create(PathMatchSchema, { type: MatchType.REGULAR_EXPRESSION, value: `/[^/]+/${method}` });
  return create(PathMatchSchema, { type: MatchType.PATH_PREFIX, value: `/${service}` });
}
