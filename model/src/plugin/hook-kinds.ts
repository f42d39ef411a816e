import type { DescMethod } from "@bufbuild/protobuf";
import { Authorizer } from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";
import { RateLimiter } from "@patchbay/proto/mesh/plugin/v1/rate_limiter_pb";
import { Resolver } from "@patchbay/proto/mesh/plugin/v1/resolver_pb";
import type { Hook } from "@patchbay/proto/mesh/registry/v1/plugin_pb";

/** One kind of question that the mesh puts to plugins. */
export interface HookKind {
  /** As manifests, grants and MeshPlugin resources write it. */
  readonly name: string;
  /** How it is asked; the method's parent is the service that a plugin with this hook serves. */
  readonly method: DescMethod;
  /**
   * "chain": a resolver, with a place in the chain, suffixes and a failure policy; its calls are long-lived streams.
   * "decision": decides about a request that waits; the policy that names the plugin says what happens without an answer.
   */
  readonly role: "chain" | "decision";
  /** Time to the answer, of a stream to the first one: for plugins that do not say, and the most that they may ask for. */
  readonly deadlineMs: number;
  readonly maxDeadlineMs: number;
  /** Calls at a time and replica of the core. 0: not counted, since its calls are streams that stay open. */
  readonly concurrency: number;
  readonly maxConcurrency: number;
  /** A longer message is not decoded, and counts as a failure. */
  readonly maxAnswerBytes: number;
  /** Folder of the SDK's templates for a plugin with this hook. */
  readonly template: string;
  /** What such a plugin does, for people who choose one. */
  readonly purpose: string;
}

/** A request waits for these, so they get less time than a resolver. */
const DECISION = {
  role: "decision",
  deadlineMs: 200,
  maxDeadlineMs: 5_000,
  concurrency: 64,
  maxConcurrency: 1_024,
  maxAnswerBytes: 64 * 1024,
} as const;

/** The hooks of contract version 1: everything that registry, core services and SDK have to agree on. */
export const HOOK_KINDS = {
  resolve: {
    name: "resolve",
    method: Resolver.method.resolve,
    role: "chain",
    deadlineMs: 2_000,
    maxDeadlineMs: 30_000,
    concurrency: 0,
    maxConcurrency: 0,
    maxAnswerBytes: 4 * 1024 * 1024,
    template: "resolver",
    purpose: "answers who serves a name",
  },
  authorize: {
    ...DECISION,
    name: "authorize",
    method: Authorizer.method.authorize,
    template: "authorize",
    purpose: "says whether a request may pass",
  },
  ratelimit: {
    ...DECISION,
    name: "ratelimit",
    method: RateLimiter.method.lease,
    template: "ratelimit",
    purpose: "shares a limit out among all proxies",
  },
} as const satisfies Readonly<Record<string, HookKind>>;

/** Names of all hooks. */
export type HookName = keyof typeof HOOK_KINDS;

/** Names of the hooks that decide about requests. */
export type DecisionHook = {
  [Name in HookName]: (typeof HOOK_KINDS)[Name]["role"] extends "decision" ? Name : never;
}[HookName];

/** In the order of the table. */
export const HOOK_NAMES: readonly HookName[] = Object.values(HOOK_KINDS).map(({ name }) => name);

/** Those of them that decide about requests. */
export const DECISION_HOOKS: readonly DecisionHook[] = HOOK_NAMES.filter(isDecisionHook);

/** Hooks of later contract versions, so that a refusal can say more than "unknown". */
export const PLANNED_HOOKS: readonly string[] = ["transform"];

/** Undefined: this contract version has no such hook. */
export function hookKind(name: string): HookKind | undefined {
  return isHookName(name) ? HOOK_KINDS[name] : undefined;
}

/** Name of a hook's kind. Empty: one of a later contract version, which this one cannot read. */
export function hookNameOf({ kind }: Hook): HookName | "" {
  return kind.case ?? "";
}

/** Calls at a time that a hook asks for or is granted; 0: it does not say, or its kind does not count them. */
export function hookConcurrency({ kind }: Hook): number {
  return kind.case === "authorize" || kind.case === "ratelimit" ? kind.value.concurrency : 0;
}

function isHookName(name: string): name is HookName {
  return Object.hasOwn(HOOK_KINDS, name);
}

function isDecisionHook(name: HookName): name is DecisionHook {
  return HOOK_KINDS[name].role === "decision";
}
