import { authorizationPolicy } from "./kinds/authorization-policy.ts";
import { backendTrafficPolicy } from "./kinds/backend-traffic-policy.ts";
import { grpcRoute } from "./kinds/grpc-route.ts";
import { httpRoute } from "./kinds/http-route.ts";
import { rateLimitPolicy } from "./kinds/rate-limit-policy.ts";
import { serviceLevelObjective } from "./kinds/service-level-objective.ts";
import type { PolicyKind } from "./policy-kind.ts";

/** A new kind is a file and a line here. */
export const KINDS: readonly PolicyKind[] = [
  authorizationPolicy,
  rateLimitPolicy,
  httpRoute,
  grpcRoute,
  backendTrafficPolicy,
  serviceLevelObjective,
];
