import { create } from "@bufbuild/protobuf";
import {
  type AuthorizationPolicy,
  type PolicyRef,
  PolicyRefSchema,
  type RateLimitPolicy,
  type RetryBudget,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { type AuthorizationPolicySpec, encodeAuthorizationPolicy } from "./kinds/authorization-policy.ts";
import { type BackendTrafficPolicySpec, encodeRetryBudget } from "./kinds/backend-traffic-policy.ts";
import { compileGrpcRoute, type GrpcRouteSpec } from "./kinds/grpc-route.ts";
import { compileHttpRoute, type HttpRouteSpec } from "./kinds/http-route.ts";
import { encodeRateLimitPolicy, type RateLimitPolicySpec } from "./kinds/rate-limit-policy.ts";
import type { CompiledRoute } from "./kinds/route.ts";
import { targetKeys } from "./kinds/targets.ts";
import type { PolicyResource } from "./resource.ts";

/** What a resource contributes to snapshots. */
export type Contribution =
  | { readonly kind: "authorization"; readonly policy: AuthorizationPolicy }
  | { readonly kind: "rate-limit"; readonly policy: RateLimitPolicy }
  | { readonly kind: "route"; readonly route: CompiledRoute }
  | { readonly kind: "budget"; readonly budget: RetryBudget }
  | { readonly kind: "none" };

/** A resource with its part and whom it is about. */
export interface CompiledPolicy {
  readonly resource: PolicyResource;
  readonly ref: PolicyRef;
  readonly part: Contribution;
  /** Services as "namespace/name", or "namespace/*", whose proxies apply it to what comes in. */
  readonly inbound: readonly string[];
  /** Services as "namespace/name" whose clients apply it to what they send. */
  readonly outbound: readonly string[];
}

/** Compiles a resource that has passed its kind's checks. */
export function compileResource(resource: PolicyResource): CompiledPolicy {
  const { kind, metadata } = resource;
  const { namespace, name } = metadata;
  const ref = create(PolicyRefSchema, { kind, namespace, name });
  const part = compilePart(resource, ref);
  return { resource, ref, part, ...aboutWhom(part, resource) };
}

/** The casts: each spec has passed its kind's schema and checks. */
function compilePart({ kind, spec }: PolicyResource, ref: PolicyRef): Contribution {
  switch (kind) {
    case "AuthorizationPolicy":
      return { kind: "authorization", policy: encodeAuthorizationPolicy(spec as AuthorizationPolicySpec, ref) };
    case "RateLimitPolicy":
      return { kind: "rate-limit", policy: encodeRateLimitPolicy(spec as RateLimitPolicySpec, ref) };
    case "HTTPRoute":
      return { kind: "route", route: compileHttpRoute(spec as HttpRouteSpec, ref) };
    case "GRPCRoute":
      return { kind: "route", route: compileGrpcRoute(spec as GrpcRouteSpec, ref) };
    case "XBackendTrafficPolicy":
      return { kind: "budget", budget: encodeRetryBudget(spec as BackendTrafficPolicySpec) };
    default:
      return { kind: "none" };
  }
}

function aboutWhom(
  part: Contribution,
  { metadata, spec }: PolicyResource,
): Pick<CompiledPolicy, "inbound" | "outbound"> {
  const { targetRefs } = spec as Pick<AuthorizationPolicySpec, "targetRefs">; // absent in routes
  switch (part.kind) {
    case "authorization":
    case "rate-limit":
      return { inbound: targetKeys(targetRefs, metadata.namespace), outbound: [] };
    case "budget":
      return { inbound: [], outbound: targetKeys(targetRefs, metadata.namespace) };
    case "route":
      return { inbound: [], outbound: [...new Set(part.route.parents.map(({ service }) => service))] };
    case "none":
      return { inbound: [], outbound: [] };
  }
}
