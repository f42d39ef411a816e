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

/** JSON Schema of each kind's spec. */
export const schemas: Readonly<Record<string, object>> = {
  AuthorizationPolicy: authorizationPolicySchema,
  RateLimitPolicy: rateLimitPolicySchema,
  HTTPRoute: httpRouteSchema,
  GRPCRoute: grpcRouteSchema,
  XBackendTrafficPolicy: backendTrafficPolicySchema,
  ServiceLevelObjective: serviceLevelObjectiveSchema,
};

/** What no schema can say. Each is called with a spec that fits its kind's schema. */
export const checks: Readonly<Record<string, (spec: unknown) => readonly SpecProblem[]>> = {
  AuthorizationPolicy: (spec) => checkAuthorizationPolicy(spec as AuthorizationPolicySpec),
  RateLimitPolicy: (spec) => checkRateLimitPolicy(spec as RateLimitPolicySpec),
  HTTPRoute: (spec) => checkHttpRoute(spec as HttpRouteSpec),
  GRPCRoute: (spec) => checkGrpcRoute(spec as GrpcRouteSpec),
  XBackendTrafficPolicy: (spec) => checkBackendTrafficPolicy(spec as BackendTrafficPolicySpec),
  ServiceLevelObjective: (spec) => checkServiceLevelObjective(spec as WrittenObjective),
};
