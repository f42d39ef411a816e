import { create } from "@bufbuild/protobuf";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import {
  AuthorizationAction,
  type AuthorizationPolicy,
  type AuthorizationRule,
  AuthorizationRuleSchema,
  type PluginRef,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { inOrder, policyName } from "../policy-name.ts";
import { RuleError } from "../rule-error.ts";
import { compileRule, type RuleMatch } from "./rule-match.ts";
import type { Effect } from "./source-match.ts";

/** A policy, ready to be asked. */
export interface CompiledPolicy {
  readonly policy: AuthorizationPolicy;
  readonly name: string;
  /** Its place among all by name. */
  readonly rank: number;
  readonly effect: Effect;
  /** A policy without rules has one here that matches everything. */
  readonly rules: readonly { readonly rule: AuthorizationRule; readonly match: RuleMatch }[];
}

/** In order of their names. Throws RuleError, which names the policy. */
export function compilePolicies(policies: readonly AuthorizationPolicy[]): readonly CompiledPolicy[] {
  return inOrder(policies).map((policy, rank) => {
    const name = policyName(policy.ref);
    return naming(name, () => {
      refuseUndecided(policy);
      const effect = policy.action === AuthorizationAction.ALLOW ? "permits" : "restricts";
      const rules = policy.rules.length > 0 ? policy.rules : [create(AuthorizationRuleSchema)];
      return { policy, name, rank, effect, rules: rules.map((rule) => ({ rule, match: compileRule(rule, effect) })) };
    });
  });
}

function refuseUndecided({ action, plugin }: AuthorizationPolicy): void {
  if (action === AuthorizationAction.UNSPECIFIED) throw new RuleError("cannot enforce a policy without action");
  if (action === AuthorizationAction.PLUGIN) refuseUndecidedPlugin(plugin);
}

/** Throws RuleError unless it says which plugin, and what happens when that does not answer. */
export function refuseUndecidedPlugin(plugin: PluginRef | undefined): void {
  if (plugin === undefined || plugin.name === "") throw new RuleError("cannot ask a plugin that is not named");
  if (plugin.failurePolicy === FailurePolicy.UNSPECIFIED)
    throw new RuleError(`cannot ask plugin ${plugin.name} without knowing what happens when it does not answer`);
}

/** Runs `compile`, and says of which policy its error is. */
export function naming<T>(name: string, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    if (error instanceof RuleError) throw new RuleError(`${name}: ${error.message}`);
    throw error;
  }
}
