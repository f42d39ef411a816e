/** API group and version of the project's own kinds. */
export const API_VERSION = "patchbay.dev/v1alpha1";

const GATEWAY = "gateway.networking.k8s.io/v1";

/**
 * Every kind that some reader of the folder understands, with the API version in which it is written. A reader leaves the kinds
 * of others alone.
 */
export const apiVersions: ReadonlyMap<string, string> = new Map([
  ["StaticService", API_VERSION],
  ["MeshPlugin", API_VERSION],
  ["AuthorizationPolicy", API_VERSION],
  ["RateLimitPolicy", API_VERSION],
  ["ServiceLevelObjective", API_VERSION],
  ["HTTPRoute", GATEWAY],
  ["GRPCRoute", GATEWAY],
  ["XBackendTrafficPolicy", "gateway.networking.x-k8s.io/v1alpha1"],
]);

/** The API version of a kind; kinds that are not listed are the project's own. */
export function apiVersionOf(kind: string): string {
  return apiVersions.get(kind) ?? API_VERSION;
}
