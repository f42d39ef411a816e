import { DECISION_HOOKS } from "@patchbay/model";
import { createPluginCalls } from "@patchbay/plugin-calls";
import type { AppContext } from "@patchbay/runtime";
import type { PolicyIndex } from "../../core/policy-index.ts";
import { type Authorize, createAuthorize } from "./authorize.ts";
import { createLeaseShare, type LeaseShare } from "./lease.ts";
import type { PolicyOf } from "./named-plugin.ts";

/** Hook calls of proxies to the plugins that their policies name. */
export interface HookCalls {
  readonly authorize: Authorize;
  readonly lease: LeaseShare;
  stop(): void;
}

/** A proxy reaches only the plugins that the policies of its workload name. */
export function createHookCalls(context: AppContext, policyIndex: PolicyIndex): HookCalls {
  const { callUnary, stop } = createPluginCalls(context, DECISION_HOOKS);
  const policyOf: PolicyOf = (workload, { kind, namespace, name }) => {
    const found = policyIndex
      .about(workload)
      .find(({ ref }) => ref.kind === kind && ref.namespace === namespace && ref.name === name);
    const policy = found?.part.authorization ?? found?.part.rateLimit;
    if (!policy) return undefined;
    const limits = policy.$typeName === "mesh.policy.v1.RateLimitPolicy" ? policy.limits : [];
    return policy.plugin && { plugin: policy.plugin, limits };
  };
  return {
    authorize: createAuthorize({ callUnary, policyOf, now: context.clock.now }),
    lease: createLeaseShare({ callUnary, policyOf }),
    stop,
  };
}
