import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { HOOK_KINDS } from "@patchbay/model";
import type { CallUnary } from "@patchbay/plugin-calls";
import {
  LeaseRequestSchema,
  type LeaseResponse,
  type LeaseResponseSchema,
} from "@patchbay/proto/mesh/plugin/v1/rate_limiter_pb";
import type { LeaseRequest } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { Claims } from "@patchbay/wire";
import { checkGranted } from "../../core/hook-question.ts";
import { namedPlugin, type PolicyOf, policyKey } from "./named-plugin.ts";

export interface LeaseOptions {
  readonly callUnary: CallUnary;
  readonly policyOf: PolicyOf;
}

export type LeaseAnswer = MessageInitShape<typeof LeaseResponseSchema>;

/** Asks the plugin of a RateLimitPolicy for a share of one of its limits. Rejects with ConnectError. */
export type LeaseShare = (caller: Claims, request: LeaseRequest) => Promise<LeaseAnswer>;

const MAX_VALID_MS = 3_600_000;

export function createLeaseShare({ callUnary, policyOf }: LeaseOptions): LeaseShare {
  return async (caller, request) => {
    const { plugin, limits } = namedPlugin(policyOf, caller, request.policy);
    const limit = limits.find(({ name }) => name === request.limit);
    if (!limit) throw new ConnectError(`the policy has no limit "${request.limit.slice(0, 63)}"`, Code.NotFound);
    const { namespace, name, instance } = caller;
    const { key, wanted, unspent } = request;
    const question = create(LeaseRequestSchema, {
      ...(request.policy ? { policy: request.policy } : {}),
      limit: limit.name,
      key,
      requests: limit.requests,
      ...(limit.per ? { per: limit.per } : {}),
      burst: limit.burst === 0 ? limit.requests : limit.burst,
      holder: `${namespace}/${name}/${instance}`,
      wanted: Math.max(1, wanted),
      unspent,
    });
    return await callUnary({
      hook: HOOK_KINDS.ratelimit,
      plugin,
      // One instance counts all shares of a bucket.
      key: JSON.stringify([policyKey(request.policy), question.limit, key]),
      question,
      read: (answer) => leaseAnswer(answer, question.wanted),
    });
  };
}

function leaseAnswer(answer: LeaseResponse, wanted: number): LeaseAnswer {
  checkGranted(answer, wanted);
  const { granted, validFor, retryAfter } = answer;
  const validMs = validFor ? Math.min(Math.max(durationMs(validFor), 0), MAX_VALID_MS) : undefined;
  return {
    granted,
    ...(validMs === undefined ? {} : { validFor: durationFromMs(validMs) }),
    ...(retryAfter ? { retryAfter } : {}),
  };
}
