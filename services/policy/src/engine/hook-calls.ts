import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type AuthorizeRequest as AskedAuthorizer,
  AuthorizeRequestSchema as AskedAuthorizerSchema,
  AuthorizeResponseSchema as AuthorizerAnswerSchema,
} from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";
import {
  LeaseRequestSchema as AskedLimiterSchema,
  LeaseResponseSchema as LimiterAnswerSchema,
} from "@patchbay/proto/mesh/plugin/v1/rate_limiter_pb";
import type {
  AuthorizeRequest,
  AuthorizeResponseSchema,
  LeaseRequest,
  LeaseResponseSchema,
} from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { PluginRef, PolicyRef, RateLimit } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { createDecisionCache, type Reusable } from "@patchbay/rules";
import type { Claims } from "@patchbay/wire";
import { AnswerError, checkDecision, checkGranted, checkVary, questionKey, subjectKey } from "../core/hook-question.ts";
import type { HookCaller } from "../sources/hook-caller.ts";

/** The plugin that a policy of a workload names, and the limits that the policy has. */
export interface PluginPolicy {
  readonly plugin: PluginRef;
  /** Of a RateLimitPolicy. */
  readonly limits: readonly RateLimit[];
}

export interface HookCallsOptions {
  readonly call: HookCaller;
  /** Undefined: the workload has no such policy, or it names no plugin. */
  policyOf(workload: { readonly namespace: string; readonly name: string }, ref: PolicyRef): PluginPolicy | undefined;
  /** Milliseconds since the epoch. */
  now(): number;
}

export type AuthorizeAnswer = MessageInitShape<typeof AuthorizeResponseSchema>;
export type LeaseAnswer = MessageInitShape<typeof LeaseResponseSchema>;

/** What proxies ask of plugins, by way of the policies that name them. Rejects with ConnectError. */
export interface HookCalls {
  authorize(caller: Claims, request: AuthorizeRequest): Promise<AuthorizeAnswer>;
  lease(caller: Claims, request: LeaseRequest): Promise<LeaseAnswer>;
}

const MAX_ANSWERS = 10_000;
const MAX_TTL_MS = 300_000;
const MAX_VALID_MS = 3_600_000;

export function createHookCalls(options: HookCallsOptions): HookCalls {
  const cache = createDecisionCache<AuthorizeAnswer>(MAX_ANSWERS);
  const underWay = new Map<string, Promise<AuthorizeAnswer>>();

  async function ask(question: AskedAuthorizer, { plugin }: PluginPolicy): Promise<AuthorizeAnswer> {
    const key = questionKey(question, plugin);
    const askedAt = options.now();
    const request = toBinary(AskedAuthorizerSchema, question);
    const bytes = await options.call({ kind: "authorize", plugin, key, request });
    return sound(plugin, () => {
      const answer = fromBinary(AuthorizerAnswerSchema, bytes);
      const decision = checkDecision(answer);
      const vary = checkVary(answer.vary, plugin.headers);
      const ttlMs = answer.ttl ? Math.min(durationMs(answer.ttl), MAX_TTL_MS) : 0;
      if (ttlMs <= 0 || vary.length === 0) return decision;
      const kept = { answer: { ...decision, vary: [...vary] }, vary, until: askedAt + ttlMs };
      cache.keep(subjectKey(question.policy, plugin), { ...question, shown: plugin.headers }, kept);
      return usable(kept, askedAt);
    });
  }

  return {
    async authorize(caller, request) {
      const policy = found(options, caller, request.policy);
      const question = questionOf(request, caller, policy.plugin);
      const now = options.now();
      const held = cache.find(subjectKey(question.policy, policy.plugin), question, now);
      if (held) return usable(held, now);
      const key = questionKey(question, policy.plugin);
      const asked = underWay.get(key) ?? ask(question, policy).finally(() => underWay.delete(key));
      underWay.set(key, asked);
      return await asked;
    },
    async lease(caller, request) {
      const policy = found(options, caller, request.policy);
      const limit = policy.limits.find(({ name }) => name === request.limit);
      if (!limit) throw new ConnectError(`the policy has no limit "${request.limit.slice(0, 63)}"`, Code.NotFound);
      const { namespace, name, instance } = caller;
      const { key, wanted, unspent } = request;
      const question = create(AskedLimiterSchema, {
        policy: nameOf(request.policy),
        limit: limit.name,
        key,
        requests: limit.requests,
        ...(limit.per ? { per: limit.per } : {}),
        burst: limit.burst || limit.requests,
        holder: `${namespace}/${name}/${instance}`,
        wanted: Math.max(1, wanted),
        unspent,
      });
      const { plugin } = policy;
      const place = JSON.stringify([question.policy, question.limit, key]);
      const bytes = await options.call({
        kind: "ratelimit",
        plugin,
        key: place,
        request: toBinary(AskedLimiterSchema, question),
      });
      return sound(plugin, () => leaseAnswer(bytes, question.wanted));
    },
  };
}

/** With what is left of its time. */
function usable({ answer, until }: Reusable<AuthorizeAnswer>, now: number): AuthorizeAnswer {
  return { ...answer, ttl: durationFromMs(Math.max(0, until - now)) };
}

/** Policies are looked up for the proven workload, so nobody asks in the name of another. */
function found(options: HookCallsOptions, caller: Claims, ref: PolicyRef | undefined): PluginPolicy {
  const policy = ref && options.policyOf(caller, ref);
  if (policy) return policy;
  throw new ConnectError(
    `${caller.namespace}/${caller.name} has no policy ${nameOf(ref)} with a plugin`,
    Code.NotFound,
  );
}

function nameOf(ref: PolicyRef | undefined): string {
  return ref ? `${ref.namespace}/${ref.name}` : "";
}

function questionOf({ policy, request }: AuthorizeRequest, caller: Claims, { headers }: PluginRef): AskedAuthorizer {
  if (!request) throw new ConnectError("request is missing", Code.InvalidArgument);
  const told = Object.entries(request.headers).filter(([name]) => headers.includes(name));
  return create(AskedAuthorizerSchema, {
    policy: nameOf(policy),
    sourceIdentity: request.sourceIdentity,
    target: `${caller.namespace}/${caller.name}`,
    method: request.method,
    path: request.path,
    headers: Object.fromEntries(told),
  });
}

function leaseAnswer(bytes: Uint8Array, wanted: number): LeaseAnswer {
  const answer = fromBinary(LimiterAnswerSchema, bytes);
  checkGranted(answer, wanted);
  const { granted, validFor, retryAfter } = answer;
  const validMs = validFor ? Math.min(Math.max(durationMs(validFor), 0), MAX_VALID_MS) : undefined;
  return {
    granted,
    ...(validMs === undefined ? {} : { validFor: durationFromMs(validMs) }),
    ...(retryAfter ? { retryAfter } : {}),
  };
}

/** What a plugin gets wrong is its fault, in a sentence. */
function sound<T>({ namespace, name }: PluginRef, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const why = error instanceof AnswerError ? error.message : "it sent bytes that are no answer";
    throw new ConnectError(`plugin ${namespace}/${name}: ${why}`, Code.Internal);
  }
}
