import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RequestFacts } from "@patchbay/model";
import type { RouteDecisionSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { type Outbound, OutboundSchema, type RouteRule } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { naming } from "../authorization/authorization-policy.ts";
import type { Condition } from "../authorization/condition.ts";
import { policyName } from "../policy-name.ts";
import { RuleError } from "../rule-error.ts";
import { refuseUnknown } from "../unknown-part.ts";
import { routeEffects } from "./route-effects.ts";
import { compileRouteMatch } from "./route-match.ts";

/** What the routes of a target say about a request. */
export type Matched =
  /** There are none: the request goes to its target as it is. */
  | { readonly kind: "none" }
  /** There are some and none of them matches: 404, as in Gateway API. */
  | { readonly kind: "unmatched" }
  | { readonly kind: "rule"; readonly rule: RouteRule };

/** The routes of one target. */
export interface RouteTable {
  match(facts: RequestFacts): Matched;
  explain(facts: RequestFacts): MessageInitShape<typeof RouteDecisionSchema>;
}

interface CompiledMatch {
  readonly rule: RouteRule;
  readonly condition: Condition<RequestFacts>;
}

const NONE: Matched = { kind: "none" };
const UNMATCHED: Matched = { kind: "unmatched" };

/** Throws RuleError when something cannot be enforced. */
export function compileRoutes(outbound: Outbound): RouteTable {
  refuseUnknown(OutboundSchema, outbound);
  const matches = outbound.matches.map((match): CompiledMatch => {
    const rule = outbound.rules[match.rule];
    if (rule === undefined) throw new RuleError(`cannot enforce a route to rule ${match.rule}, which is not there`);
    return { rule, condition: naming(policyName(rule.ref), () => compileRouteMatch(match)) };
  });
  const none = outbound.rules.length === 0;
  return {
    match(facts) {
      if (none) return NONE;
      const found = matches.find(({ condition }) => condition.holds(facts));
      return found === undefined ? UNMATCHED : { kind: "rule", rule: found.rule };
    },
    explain: (facts) => (none ? { why: ["the target has no routes"] } : explanation(matches, facts)),
  };
}

const MAX_REASONS = 20;

function explanation(
  matches: readonly CompiledMatch[],
  facts: RequestFacts,
): MessageInitShape<typeof RouteDecisionSchema> {
  const at = matches.findIndex(({ condition }) => condition.holds(facts));
  const before = matches.slice(0, at < 0 ? undefined : at);
  const why = before
    .slice(0, MAX_REASONS)
    .map(({ rule, condition }) => `${ruleName(rule)} does not match: ${condition.why(facts)}`);
  const rule = matches[at]?.rule;
  if (rule === undefined) return { why: [...why, "no rule matches, so it is answered 404"] };
  return {
    ...(rule.ref && { ref: rule.ref }),
    rule: rule.index,
    backends: [...rule.backends],
    why: [...why, `${ruleName(rule)} matches`],
    effects: [...routeEffects(rule)],
  };
}

function ruleName({ ref, index }: RouteRule): string {
  return `${policyName(ref)} rule ${index + 1}`;
}
