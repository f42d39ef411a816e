import { isAmbiguous, type RequestFacts } from "@patchbay/model";
import type { Inbound } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { type Authorization, compileAuthorization, type Decision } from "./authorization/authorization.ts";
import { compileLimits, type Limits } from "./limits/limits.ts";

/** The policies of one workload, ready to decide by: the proxy's guard and the policy service's dry run ask the same. */
export interface InboundRules {
  readonly authorization: Authorization;
  readonly limits: Limits;
  /** Before plugins are asked and limits are spent. "ambiguous": rules look at paths, and servers read this one differently. */
  decide(facts: RequestFacts): Decision | "ambiguous";
}

/** Throws RuleError when something cannot be enforced. */
export function compileInbound(inbound: Inbound): InboundRules {
  const authorization = compileAuthorization(inbound);
  const limits = compileLimits(inbound);
  const usesPaths = authorization.usesPaths || limits.usesPaths;
  return {
    authorization,
    limits,
    decide: (facts) => (usesPaths && isAmbiguous(facts.path) ? "ambiguous" : authorization.decide(facts)),
  };
}
