import { durationMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { AuthorizationPolicy } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { Grant } from "../core/lease.ts";
import type { ShareQuestion } from "../core/limiter.ts";
import type { Attributes, PluginAnswer } from "../core/plugin-asks.ts";

/** Questions to plugins, by way of the policy service. Each rejects when there is no answer in time. */
export interface PolicyPlugins {
  authorize(policy: AuthorizationPolicy, attributes: Attributes): Promise<PluginAnswer>;
  lease(question: ShareQuestion, amount: { readonly wanted: number; readonly unspent: number }): Promise<Grant>;
}

/** A request waits for it. The service's own deadline for the plugin, which a grant may make shorter, lies below. */
const DEADLINE_MS = 1_000;

export function createPolicyPlugins(policy: Transport): PolicyPlugins {
  const client = createClient(Policy, policy);
  const options = { timeoutMs: DEADLINE_MS };
  return {
    async authorize({ ref }, { sourceIdentity, target, method, path, headers }) {
      const request = { sourceIdentity, target, method, path, headers };
      const answer = await client.authorize({ ...(ref === undefined ? {} : { policy: ref }), request }, options);
      const { allowed, reason, status, ttl, vary } = answer;
      return { allowed, reason, status, ttlMs: ttl === undefined ? undefined : durationMs(ttl), vary };
    },
    async lease({ matched: { policy: of, limit, key } }, amount) {
      const question = { limit: limit.name, key: [...key], ...amount };
      const answer = await client.lease({ ...(of.ref === undefined ? {} : { policy: of.ref }), ...question }, options);
      const { granted, validFor, retryAfter } = answer;
      return {
        granted,
        validMs: validFor === undefined ? undefined : durationMs(validFor),
        retryAfterMs: retryAfter === undefined ? undefined : durationMs(retryAfter),
      };
    },
  };
}
