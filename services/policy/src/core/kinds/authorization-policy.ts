import { create } from "@bufbuild/protobuf";
import {
  AuthorizationAction,
  type AuthorizationPolicy,
  AuthorizationPolicySchema,
  type PolicyRef,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileAuthorization } from "@patchbay/rules";
import { checkEach, problem, type SpecProblem } from "../problem.ts";
import { list, object } from "../schema.ts";
import { enforceable, inboundOf } from "./enforceable.ts";
import { checkPlugin, encodePlugin, type PluginSpec, pluginSchema } from "./plugin-ref.ts";
import { checkServiceRef, type ServiceRef, targetRefsSchema } from "./targets.ts";
import { type Condition, checkCondition, conditionSchema, encodeCondition } from "./who-and-what.ts";

/** Who may call what. */
export interface AuthorizationPolicySpec {
  /** Services of the policy's namespace; absent: all of them. */
  readonly targetRefs?: readonly ServiceRef[];
  readonly action: "Allow" | "Deny" | "Audit" | "Plugin";
  /** The policy matches when one of them does; absent: always. */
  readonly rules?: readonly Condition[];
  /** With action Plugin. */
  readonly plugin?: PluginSpec;
}

export const authorizationPolicySchema = object(
  {
    targetRefs: targetRefsSchema,
    action: { enum: ["Allow", "Deny", "Audit", "Plugin"] },
    rules: list({ ...object(conditionSchema), minProperties: 1 }, 64),
    plugin: pluginSchema,
  },
  ["action"],
);

export function checkAuthorizationPolicy(spec: AuthorizationPolicySpec): readonly SpecProblem[] {
  const found = [
    ...checkEach(spec.targetRefs, ["targetRefs"], checkServiceRef),
    ...checkEach(spec.rules, ["rules"], checkCondition),
    ...checkAction(spec),
    ...checkPlugin(spec.plugin, ["plugin"]),
  ];
  if (found.length > 0) return found;
  const authorization = [encodeAuthorizationPolicy(spec)];
  return enforceable(() => compileAuthorization(inboundOf({ authorization })));
}

function checkAction({ action, plugin }: AuthorizationPolicySpec): readonly SpecProblem[] {
  const hint = "plugin: { name: my-authorizer, failurePolicy: Closed }";
  if (action === "Plugin" && !plugin) return [problem(["action"], "Plugin needs the plugin that decides", hint)];
  if (action !== "Plugin" && plugin)
    return [problem(["plugin"], `has no meaning with action ${action}`, "action: Plugin")];
  return [];
}

const actions: Readonly<Record<AuthorizationPolicySpec["action"], AuthorizationAction>> = {
  Allow: AuthorizationAction.ALLOW,
  Deny: AuthorizationAction.DENY,
  Audit: AuthorizationAction.AUDIT,
  Plugin: AuthorizationAction.PLUGIN,
};

/** A checked spec in the snapshot's form. */
export function encodeAuthorizationPolicy(
  { action, rules = [], plugin }: AuthorizationPolicySpec,
  ref?: PolicyRef,
): AuthorizationPolicy {
  return create(AuthorizationPolicySchema, {
    ...(ref ? { ref } : {}),
    action: actions[action],
    rules: rules.map(encodeCondition),
    ...(plugin ? { plugin: encodePlugin(plugin) } : {}),
  });
}
