import { durationMs } from "@bufbuild/protobuf/wkt";
import { type CallOptions, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createBreaker } from "@patchbay/model";
import { Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { AuthorizationPolicy } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { Grant } from "../core/policy/lease.ts";
import type { ShareQuestion } from "../core/policy/limiter.ts";
import type { Attributes, PluginAnswer } from "../core/policy/plugin-decisions.ts";

/** Questions to plugins, by way of the policy service. Each rejects when there is no answer in time. */
export interface PolicyPlugins {
  authorize(policy: AuthorizationPolicy, attributes: Attributes): Promise<PluginAnswer>;
  lease(question: ShareQuestion, amount: { readonly wanted: number; readonly unspent: number }): Promise<Grant>;
}

/** A request waits for it. The service's own deadline for the plugin, of which a grant may make 5 s, lies below. */
const DEADLINE_MS = 5_250;
/** Timers may be early by this much on another clock. */
const TIMER_MS = 10;
/** A service that says nothing at all, three times in a row, is not waited for by each request. */
const BREAKER = { threshold: 3, minMs: 250, maxMs: 2_000 };

export function createPolicyPlugins(policy: Transport, deadlineMs = DEADLINE_MS): PolicyPlugins {
  const client = createClient(Policy, policy);
  const breaker = createBreaker(BREAKER);

  async function within<Answer>(call: (options: CallOptions) => Promise<Answer>): Promise<Answer> {
    const askedAt = performance.now();
    if (!breaker.admits(askedAt)) throw new ConnectError("the policy service does not answer", Code.Unavailable);
    try {
      const answer = await call({ timeoutMs: deadlineMs });
      breaker.succeeded();
      return answer;
    } catch (error) {
      // Its own deadlines are shorter: an error within them is an answer of the service.
      const now = performance.now();
      if (now - askedAt >= deadlineMs - TIMER_MS) breaker.failed(now);
      else breaker.succeeded();
      throw error;
    }
  }

  return {
    async authorize({ ref }, { sourceIdentity, target, method, path, headers }) {
      const request = { sourceIdentity, target, method, path, headers };
      const question = { ...(ref === undefined ? {} : { policy: ref }), request };
      const answer = await within((options) => client.authorize(question, options));
      const { decision, ttl, vary } = answer;
      const { reason, status } = decision.case === "deny" ? decision.value : NOTHING_SAID;
      const ttlMs = ttl === undefined ? undefined : durationMs(ttl);
      return { allowed: decision.case === "allow", reason, status, ttlMs, vary };
    },
    async lease({ matched: { policy: of, limit, key } }, amount) {
      const share = { limit: limit.name, key: [...key], ...amount };
      const question = { ...(of.ref === undefined ? {} : { policy: of.ref }), ...share };
      const answer = await within((options) => client.lease(question, options));
      const { granted, validFor, retryAfter } = answer;
      return {
        granted,
        validMs: validFor === undefined ? undefined : durationMs(validFor),
        retryAfterMs: retryAfter === undefined ? undefined : durationMs(retryAfter),
      };
    },
  };
}

const NOTHING_SAID = { reason: "", status: 0 } as const;
