import type { RequestFacts, SourceFacts } from "@patchbay/model";
import type { CompiledPolicy } from "./authorization-policy.ts";
import { createRuleIndex } from "./rule-index.ts";
import type { RuleMatch } from "./rule-match.ts";

/** The policies of one action. "First" is by name, so that answers do not depend on the order of anything. */
export interface PolicySet {
  readonly size: number;
  first(facts: RequestFacts): CompiledPolicy | undefined;
  /** All that match, in order. */
  every(facts: RequestFacts): readonly CompiledPolicy[];
  firstConnection(source: SourceFacts): CompiledPolicy | undefined;
  everyConnection(source: SourceFacts): readonly CompiledPolicy[];
}

interface Candidate {
  readonly policy: CompiledPolicy;
  readonly match: RuleMatch;
}

const NONE: readonly never[] = [];

export function createPolicySet(policies: readonly CompiledPolicy[]): PolicySet {
  const index = createRuleIndex(
    policies.flatMap((policy) =>
      policy.rules.map(({ rule, match }) => {
        const value: Candidate = { policy, match };
        return { from: rule.from, to: rule.to, effect: policy.effect, value };
      }),
    ),
  );
  const connections = (source: SourceFacts): readonly CompiledPolicy[] =>
    policies.filter(({ rules }) => rules.some(({ match }) => match.holdsForConnection(source)));
  return {
    size: policies.length,
    first(facts) {
      let best: CompiledPolicy | undefined;
      if (policies.length === 0) return best;
      index.candidates(facts, ({ policy, match }) => {
        if ((best === undefined || policy.rank < best.rank) && match.holds(facts)) best = policy;
      });
      return best;
    },
    every(facts) {
      if (policies.length === 0) return NONE;
      const found: CompiledPolicy[] = [];
      index.candidates(facts, ({ policy, match }) => {
        if (!found.includes(policy) && match.holds(facts)) found.push(policy);
      });
      return found.sort((a, b) => a.rank - b.rank);
    },
    firstConnection: (source) => connections(source)[0],
    everyConnection: connections,
  };
}
