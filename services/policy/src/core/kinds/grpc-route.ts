import { create } from "@bufbuild/protobuf";
import {
  MatchType,
  type PathMatch,
  PathMatchSchema,
  type RouteMatch,
  RouteMatchSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { type Path, problem, type SpecProblem } from "../problem.ts";
import { object, text } from "../schema.ts";
import { checkGrpcRetry, encodeGrpcRetry, grpcRetrySchema } from "./retry.ts";
import { createRouteKind } from "./route-kind.ts";
import {
  checkHeaderMatches,
  checkPattern,
  encodeHeaderMatch,
  type ValueMatchSpec,
  valueMatchesSchema,
} from "./value-match.ts";

interface GrpcMatchSpec {
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

const matchSchema = object({
  method: {
    ...object({ type: { enum: ["Exact", "RegularExpression"] }, service: text(1_024), method: text(1_024) }),
    anyOf: [{ required: ["service"] }, { required: ["method"] }],
  },
  headers: valueMatchesSchema,
});

function checkMatch({ method, headers }: GrpcMatchSpec, path: Path): readonly SpecProblem[] {
  return [...checkMethod(method ?? {}, [...path, "method"]), ...checkHeaderMatches(headers, [...path, "headers"])];
}

function checkMethod({ type, service = "", method = "" }: MethodSpec, path: Path): readonly SpecProblem[] {
  if (type === "RegularExpression")
    return [...checkPattern(service, [...path, "service"]), ...checkPattern(method, [...path, "method"])];
  const found: SpecProblem[] = [];
  if (service !== "" && !/^[A-Za-z_][\w.]*$/.test(service))
    found.push(problem([...path, "service"], `${JSON.stringify(service)} is no gRPC service`, "such as demo.v1.Users"));
  if (method !== "" && !/^[A-Za-z_]\w*$/.test(method))
    found.push(problem([...path, "method"], `${JSON.stringify(method)} is no gRPC method`, "such as GetUser"));
  return found;
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
    const [servicePattern, methodPattern] = [service, method].map((pattern) => (pattern === "" ? "[^/]+" : pattern));
    const value = `/(?:${servicePattern})/(?:${methodPattern})`;
    return create(PathMatchSchema, { type: MatchType.REGULAR_EXPRESSION, value });
  }
  if (service !== "" && method !== "")
    return create(PathMatchSchema, { type: MatchType.EXACT, value: `/${service}/${method}` });
  if (method !== "") return create(PathMatchSchema, { type: MatchType.REGULAR_EXPRESSION, value: `/[^/]+/${method}` });
  return create(PathMatchSchema, { type: MatchType.PATH_PREFIX, value: `/${service}` });
}

/** `timeouts` and `retry` are an addition to Gateway API, in HTTPRoute's shape. */
export const grpcRoute = createRouteKind<GrpcMatchSpec, string | number>({
  kind: "GRPCRoute",
  matchSchema,
  retrySchema: grpcRetrySchema,
  checkMatch,
  checkRetry: checkGrpcRetry,
  encodeMatch,
  encodeRetry: encodeGrpcRetry,
});
