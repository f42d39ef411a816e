import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RequestFacts, SourceFacts } from "@patchbay/model";
import type { PolicyDecisionSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import {
  AuthorizationAction,
  type AuthorizationPolicy,
  DefaultAction,
  type Inbound,
  InboundSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { RuleError } from "../rule-error.ts";
import { refuseUnknown } from "../unknown-part.ts";
import { type CompiledPolicy, compilePolicies } from "./authorization-policy.ts";
import { createPolicySet, type PolicySet } from "./policy-set.ts";

/** Whether a request is allowed, and which policy decided. */
export interface Decision {
  /** "ask": the plugins of `ask` decide, and all of them have to allow. */
  readonly verdict: "allow" | "deny" | "ask";
  /** "AuthorizationPolicy production/no-staging"; "default": no policy said so. */
  readonly policy: string;
  readonly ask: readonly AuthorizationPolicy[];
  /** Names of audit policies that matched. */
  readonly audited: readonly string[];
}

/** The authorization policies of one workload. */
export interface Authorization {
  decide(facts: RequestFacts): Decision;
  /** For an opaque (TCP) connection. A plugin cannot judge one, so its policy denies it. */
  decideConnection(source: SourceFacts): Decision;
  /** Some policy compares paths: ambiguous paths must be refused. */
  readonly usesPaths: boolean;
  /** Each policy in order of its name. */
  explain(facts: RequestFacts): MessageInitShape<typeof PolicyDecisionSchema>[];
}

const NOTHING: readonly never[] = [];

/** Throws RuleError when something cannot be enforced. */
export function compileAuthorization(inbound: Inbound): Authorization {
  refuseUnknown(InboundSchema, inbound);
  const byDefault = defaultOf(inbound);
  const policies = compilePolicies(inbound.authorization);
  const of = (action: AuthorizationAction): PolicySet =>
    createPolicySet(policies.filter((it) => it.policy.action === action));
  const deny = of(AuthorizationAction.DENY);
  const allow = of(AuthorizationAction.ALLOW);
  const plugin = of(AuthorizationAction.PLUGIN);
  const audit = of(AuthorizationAction.AUDIT);
  const audited = (matched: readonly CompiledPolicy[]): readonly string[] =>
    matched.length === 0 ? NOTHING : matched.map(({ name }) => name);
  const withoutPlugins = (denied: CompiledPolicy | undefined, allowed: CompiledPolicy | undefined) => {
    if (denied !== undefined) return { verdict: "deny", policy: denied.name } as const;
    if (allowed !== undefined) return { verdict: "allow", policy: allowed.name } as const;
    return { verdict: allow.size > 0 ? "deny" : byDefault, policy: "default" } as const;
  };
  return {
    usesPaths: policies.some(({ rules }) => rules.some(({ match }) => match.usesPath)),
    decide(facts) {
      const denied = deny.first(facts);
      const decided = withoutPlugins(denied, denied === undefined ? allow.first(facts) : undefined);
      const seen = { audited: audited(audit.every(facts)) };
      if (decided.verdict === "deny") return { ...decided, ask: NOTHING, ...seen };
      const asked = plugin.every(facts);
      const [firstAsked] = asked;
      if (firstAsked === undefined) return { ...decided, ask: NOTHING, ...seen };
      return { verdict: "ask", policy: firstAsked.name, ask: asked.map(({ policy }) => policy), ...seen };
    },
    decideConnection(source) {
      const denied = deny.firstConnection(source) ?? plugin.firstConnection(source);
      const decided = withoutPlugins(denied, allow.firstConnection(source));
      return { ...decided, ask: NOTHING, audited: audited(audit.everyConnection(source)) };
    },
    explain: (facts) => policies.map((policy) => explanation(policy, facts)),
  };
}

function defaultOf({ defaultAction }: Inbound): "allow" | "deny" {
  if (defaultAction === DefaultAction.ALLOW) return "allow";
  if (defaultAction === DefaultAction.DENY) return "deny";
  throw new RuleError("cannot enforce a snapshot that does not say what happens by default");
}

function explanation(
  { policy, rules }: CompiledPolicy,
  facts: RequestFacts,
): MessageInitShape<typeof PolicyDecisionSchema> {
  const matched = rules.findIndex(({ match }) => match.holds(facts));
  const head = { ...(policy.ref && { ref: policy.ref }), action: policy.action };
  if (matched >= 0) {
    const why =
      policy.rules.length === 0 ? "it has no rules, so it matches every request" : `rule ${matched + 1} matches`;
    return { ...head, matched: true, why };
  }
  const whys = rules.map(({ match }, index) => `${rules.length > 1 ? `rule ${index + 1}: ` : ""}${match.why(facts)}`);
  return { ...head, matched: false, why: whys.slice(0, 5).join("; ") };
}
