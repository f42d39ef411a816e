import type { RequestFacts } from "@patchbay/model";
import { AuthorizationAction, type Inbound } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileAuthorization } from "@patchbay/rules";
import { compilePolicies } from "../../../rules/src/authorization/authorization-policy.ts";

export type Decider = (facts: RequestFacts) => boolean;

/** As the proxies do it. */
export function indexed(inbound: Inbound): Decider {
  const authorization = compileAuthorization(inbound);
  return (facts) => authorization.decide(facts).verdict === "allow";
}

/** The same rules, each of them asked for each request. */
export function scanned(inbound: Inbound): Decider {
  const policies = compilePolicies(inbound.authorization);
  const of = (action: AuthorizationAction) => policies.filter(({ policy }) => policy.action === action);
  const [deny, allow, audit] = [AuthorizationAction.DENY, AuthorizationAction.ALLOW, AuthorizationAction.AUDIT].map(of);
  const matching = (some: typeof policies = [], facts: RequestFacts) =>
    some.filter(({ rules }) => rules.some(({ match }) => match.holds(facts)));
  return (facts) => {
    matching(audit, facts);
    if (matching(deny, facts).length > 0) return false;
    return allow?.length === 0 || matching(allow, facts).length > 0;
  };
}
