import type { DescService } from "@bufbuild/protobuf";
import { Authorizer } from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";
import { RateLimiter } from "@patchbay/proto/mesh/plugin/v1/rate_limiter_pb";
import { Resolver } from "@patchbay/proto/mesh/plugin/v1/resolver_pb";
import type { PluginManifest } from "../model/manifest.ts";

/** The gRPC services of the hooks that a plugin has. */
export function hookServices({ resolve, authorize, ratelimit }: PluginManifest): readonly DescService[] {
  return [...(resolve ? [Resolver] : []), ...(authorize ? [Authorizer] : []), ...(ratelimit ? [RateLimiter] : [])];
}
