import {
  type AuthorizationPolicySpec,
  authorizationPolicySchema,
  checkAuthorizationPolicy,
} from "./kinds/authorization-policy.ts";
import {
  type BackendTrafficPolicySpec,
  backendTrafficPolicySchema,
  checkBackendTrafficPolicy,
} from "./kinds/backend-traffic-policy.ts";
import { checkGrpcRoute, type GrpcRouteSpec, grpcRouteSchema } from "./kinds/grpc-route.ts";
import { checkHttpRoute, type HttpRouteSpec, httpRouteSchema } from "./kinds/http-route.ts";
import { checkRateLimitPolicy, type RateLimitPolicySpec, rateLimitPolicySchema } from "./kinds/rate-limit-policy.ts";
import { checkServiceLevelObjective, serviceLevelObjectiveSchema } from "./kinds/service-level-objective.ts";
import type { WrittenObjective } from "./objectives/objective-resource.ts";
import type { SpecProblem } from "./problem.ts";

interface PolicyKind {
  readonly kind: string;
  readonly apiVersion: string;
  readonly schema: object;
  check(spec: unknown): readonly SpecProblem[];
}
const OWN = "patchbay.dev/v1alpha1";
const GATEWAY = "gateway.networking.k8s.io/v1";
export const KINDS: readonly PolicyKind[] = [
  {
    kind: "AuthorizationPolicy",
    apiVersion: OWN,
    schema: authorizationPolicySchema,
    check: (spec) => checkAuthorizationPolicy(spec as AuthorizationPolicySpec),
  },
  {
    kind: "RateLimitPolicy",
    apiVersion: OWN,
    schema: rateLimitPolicySchema,
    check: (spec) => checkRateLimitPolicy(spec as RateLimitPolicySpec),
  },
  {
    kind: "ServiceLevelObjective",
    apiVersion: OWN,
    schema: serviceLevelObjectiveSchema,
    check: (spec) => checkServiceLevelObjective(spec as WrittenObjective),
  },
  {
    kind: "HTTPRoute",
    apiVersion: GATEWAY,
    schema: httpRouteSchema,
    check: (spec) => checkHttpRoute(spec as HttpRouteSpec),
  },
  {
    kind: "GRPCRoute",
    apiVersion: GATEWAY,
    schema: grpcRouteSchema,
    check: (spec) => checkGrpcRoute(spec as GrpcRouteSpec),
  },
  {
    kind: "XBackendTrafficPolicy",
    apiVersion: "gateway.networking.x-k8s.io/v1alpha1",
    schema: backendTrafficPolicySchema,
    check: (spec) => checkBackendTrafficPolicy(spec as BackendTrafficPolicySpec),
  },
];
