import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { HOOK_KINDS } from "@patchbay/model";
import type { CallUnary } from "@patchbay/plugin-calls";
import {
  type AuthorizeRequest,
  AuthorizeRequestSchema,
  type AuthorizeResponseSchema,
} from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";
import type { PluginRef } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { createDecisionCache, type Reusable } from "@patchbay/rules";
import type { Claims } from "@patchbay/wire";
import { attributesOf, checkDecision, checkVary, questionKey, subjectKey } from "../../core/hook-question.ts";
import { namedPlugin, type PolicyOf } from "./named-plugin.ts";

export interface AuthorizeOptions {
  readonly callUnary: CallUnary;
  readonly policyOf: PolicyOf;
  /** Milliseconds since the epoch. */
  now(): number;
}

export type AuthorizeAnswer = MessageInitShape<typeof AuthorizeResponseSchema>;

/** Asks the plugin of an AuthorizationPolicy whether a request may pass. Rejects with ConnectError. */
export type Authorize = (caller: Claims, request: AuthorizeRequest) => Promise<AuthorizeAnswer>;

interface Kept {
  readonly allowed: boolean;
  readonly message: AuthorizeAnswer;
}

const MAX_ANSWERS = 10_000;
const MAX_TTL_MS = 300_000;

/** Coalesces equal concurrent questions into one call, and caches answers as far as they permit it. */
export function createAuthorize({ callUnary, policyOf, now }: AuthorizeOptions): Authorize {
  const cache = createDecisionCache<Kept>(MAX_ANSWERS);
  const underWay = new Map<string, Promise<AuthorizeAnswer>>();

  function ask(question: AuthorizeRequest, plugin: PluginRef): Promise<AuthorizeAnswer> {
    const askedAt = now();
    return callUnary({
      hook: HOOK_KINDS.authorize,
      plugin,
      key: questionKey(question, plugin),
      question,
      read(said) {
        const decision = checkDecision(said);
        const vary = checkVary(said.vary, plugin.headers);
        const ttlMs = said.ttl ? Math.min(durationMs(said.ttl), MAX_TTL_MS) : 0;
        if (ttlMs <= 0 || vary.length === 0) return { decision };
        const answer = { allowed: decision.case === "allow", message: { decision, vary: [...vary] } };
        const kept = { answer, vary, until: askedAt + ttlMs };
        cache.keep(subjectKey(question.policy, plugin), { ...attributesOf(question), shown: plugin.headers }, kept);
        return usable(kept, askedAt);
      },
    });
  }

  return async (caller, request) => {
    const { plugin } = namedPlugin(policyOf, caller, request.policy);
    const question = questionOf(request, caller, plugin);
    const at = now();
    const held = cache.find(subjectKey(question.policy, plugin), attributesOf(question), at);
    if (held) return usable(held, at);
    const key = questionKey(question, plugin);
    const asked = underWay.get(key) ?? ask(question, plugin).finally(() => underWay.delete(key));
    underWay.set(key, asked);
    return await asked;
  };
}

/** The answer with its remaining validity. */
function usable({ answer, until }: Reusable<Kept>, now: number): AuthorizeAnswer {
  return { ...answer.message, ttl: durationFromMs(Math.max(0, until - now)) };
}

function questionOf({ policy, request }: AuthorizeRequest, caller: Claims, { headers }: PluginRef): AuthorizeRequest {
  if (!request) throw new ConnectError("request is missing", Code.InvalidArgument);
  const told = Object.entries(request.headers).filter(([name]) => headers.includes(name));
  return create(AuthorizeRequestSchema, {
    ...(policy === undefined ? {} : { policy }),
    request: { ...request, target: `${caller.namespace}/${caller.name}`, headers: Object.fromEntries(told) },
  });
}
