/** API group and version of the project's own kinds. */
export const API_VERSION = "patchbay.dev/v1alpha1";

/** Kinds of all services, so that each leaves those of the others alone and all tell a misspelt one. */
export const KIND_NAMES: readonly string[] = [
  "StaticService",
  "MeshPlugin",
  "AuthorizationPolicy",
  "RateLimitPolicy",
  "ServiceLevelObjective",
  "HTTPRoute",
  "GRPCRoute",
  "XBackendTrafficPolicy",
];
