import { create, equals } from "@bufbuild/protobuf";
import type { PolicyRef } from "@patchbay/proto/mesh/common/v1/policy_pb";
import {
  AuthorizationAction,
  type AuthorizationPolicy,
  AuthorizationPolicySchema,
  AuthorizationRuleSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileAuthorization } from "@patchbay/rules";
import { atServers } from "../in-force.ts";
import { type Compiled, type CompiledPolicy, OWN_API, type PolicyKind, type Surroundings } from "../policy-kind.ts";
import { checkEach, problem, type SpecProblem } from "../problem.ts";
import { type PolicyResource, resourceName, wholeNamespace } from "../resource.ts";
import { list, object } from "../schema.ts";
import { more, short } from "../summary-text.ts";
import { missingPlugin, missingWorkloads } from "../warnings.ts";
import { type Condition, checkCondition, conditionSchema, encodeCondition, whatText, whomText } from "./condition.ts";
import { enforceable, inboundOf } from "./enforceable.ts";
import { checkPlugin, encodePlugin, type PluginSpec, pluginSchema } from "./plugin-ref.ts";
import { checkServiceRef, type ServiceRef, targetKeys, targetRefsSchema } from "./targets.ts";

/** Who may call what. */
interface AuthorizationPolicySpec {
  /** Services of the policy's namespace; absent: all of them. */
  readonly targetRefs?: readonly ServiceRef[];
  readonly action: "Allow" | "Deny" | "Audit" | "Plugin";
  /** The policy matches when one of them does; absent: always. */
  readonly rules?: readonly Condition[];
  /** With action Plugin. */
  readonly plugin?: PluginSpec;
}

const schema = object(
  {
    targetRefs: targetRefsSchema,
    action: { enum: ["Allow", "Deny", "Audit", "Plugin"] },
    rules: list({ ...object(conditionSchema), minProperties: 1 }, 64),
    plugin: pluginSchema,
  },
  ["action"],
);

function check(spec: AuthorizationPolicySpec): readonly SpecProblem[] {
  const found = [
    ...checkEach(spec.targetRefs, ["targetRefs"], checkServiceRef),
    ...checkEach(spec.rules, ["rules"], checkCondition),
    ...checkAction(spec),
    ...checkPlugin(spec.plugin, ["plugin"]),
  ];
  if (found.length > 0) return found;
  const authorization = [encode(spec)];
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
function encode({ action, rules = [], plugin }: AuthorizationPolicySpec, ref?: PolicyRef): AuthorizationPolicy {
  return create(AuthorizationPolicySchema, {
    ...(ref ? { ref } : {}),
    action: actions[action],
    rules: rules.map(encodeCondition),
    ...(plugin ? { plugin: encodePlugin(plugin) } : {}),
  });
}

function compile({ metadata, spec }: PolicyResource<AuthorizationPolicySpec>, ref: PolicyRef): Compiled {
  return {
    part: { authorization: encode(spec, ref) },
    inbound: targetKeys(spec.targetRefs, metadata.namespace),
    outbound: [],
  };
}

function summarise({ action, rules = [], plugin }: AuthorizationPolicySpec): string {
  const verb = action === "Plugin" ? `ask ${plugin?.name}` : action.toLowerCase();
  if (rules.length === 0) return `${verb} everything`;
  const [first] = rules.map(({ from, to, when = "" }) =>
    [whomText(from), whatText(to), when === "" ? "" : `when ${when}`].filter(Boolean).join(" "),
  );
  return short(`${verb} ${first}`) + more(rules.length - 1, "rule");
}

function warn(compiled: CompiledPolicy, { all, known }: Surroundings): readonly string[] {
  return [
    ...missingWorkloads(compiled, known),
    ...missingPlugin(compiled.part.authorization?.plugin, "authorize", known),
    ...coveredByDeny(compiled, all),
  ];
}

/** Only what can be seen without thinking: a denial of everything, or of exactly the same. */
function coveredByDeny(compiled: CompiledPolicy, all: readonly CompiledPolicy[]): readonly string[] {
  const allow = compiled.part.authorization;
  if (allow?.action !== AuthorizationAction.ALLOW) return [];
  const covering = all.find((other) => {
    const deny = other.part.authorization;
    return deny?.action === AuthorizationAction.DENY && sameServices(other, compiled) && covers(deny, allow);
  });
  return covering ? [`all that it allows, ${resourceName(covering.resource)} denies; denials win`] : [];
}

/** Every service that `inner` is about, `outer` is about too. */
function sameServices(outer: CompiledPolicy, inner: CompiledPolicy): boolean {
  const all = new Set(outer.inbound);
  return inner.inbound.every((key) => all.has(key) || all.has(wholeNamespace(key.split("/")[0] ?? "")));
}

function covers(deny: AuthorizationPolicy, allow: AuthorizationPolicy): boolean {
  if (deny.rules.length === 0) return true;
  return (
    allow.rules.length > 0 &&
    allow.rules.every((rule) => deny.rules.some((other) => equals(AuthorizationRuleSchema, rule, other)))
  );
}

export const authorizationPolicy: PolicyKind<AuthorizationPolicySpec> = {
  kind: "AuthorizationPolicy",
  apiVersion: OWN_API,
  schema,
  check,
  compile,
  summarise,
  warn,
  inForce: atServers,
};
