import { type ControlPlane, createPolicyClient, createPolicyFile, type PolicyClient } from "@patchbay/dataplane-client";
import type { Log } from "@patchbay/wire";
import { createAudit } from "../core/policy/audit.ts";
import { createDecisionCounts, type DecisionCounts } from "../core/policy/decision-counts.ts";
import { createExternalAuthorization } from "../core/policy/external-authorization.ts";
import type { Guard } from "../core/policy/guard.ts";
import { createLimiter, type Limiter } from "../core/policy/limiter.ts";
import { createPolicyGuard } from "../core/policy/policy-guard.ts";
import { compileSnapshot, type DefaultAuthorization, type PolicyRules } from "../core/policy/policy-rules.ts";
import { createPolicyPlugins } from "./policy-plugins.ts";

export interface PolicyEnforcementOptions {
  readonly controlPlane: Pick<ControlPlane, "locate" | "onMove">;
  readonly name: string;
  readonly namespace: string;
  /** Undefined: nothing is kept on disk. */
  readonly stateDir?: string;
  /** Default "allow". */
  readonly defaultAuthorization?: DefaultAuthorization;
  readonly log: Log;
}

/** Everything that policies need in one sidecar. */
export interface PolicyEnforcement {
  readonly client: PolicyClient;
  /** Rules in force; undefined: none have arrived yet. */
  rules(): PolicyRules | undefined;
  readonly guard: Guard;
  readonly limiter: Limiter;
  /** For the report. */
  readonly counts: DecisionCounts;
  stats(): PolicyStats;
}

export interface PolicyStats {
  /** Of the rules in force; empty: none. */
  readonly version: string;
  /** Buckets of limits that were pushed out by others. */
  readonly evictedBuckets: number;
  /** Decisions that found no row in a report. */
  readonly uncounted: number;
}

export function createPolicyEnforcement(options: PolicyEnforcementOptions): PolicyEnforcement {
  const { controlPlane, name, namespace, stateDir, log, defaultAuthorization = "allow" } = options;
  const now = (): number => performance.now();
  const policy = controlPlane.locate("policy");
  const file = stateDir === undefined ? undefined : createPolicyFile({ stateDir, namespace, name, log });
  let rules: PolicyRules | undefined;
  const client = createPolicyClient({
    policy,
    file,
    enforce(snapshot) {
      rules = compileSnapshot(snapshot, { otherwise: defaultAuthorization, before: rules });
    },
    log,
  });
  controlPlane.onMove("policy", client.retryNow);
  const plugins = createPolicyPlugins(policy);
  const counts = createDecisionCounts();
  const consents = createExternalAuthorization({ call: plugins.authorize, now });
  let inbound = rules?.inbound;
  client.onChange(() => {
    // Another host that is followed changes nothing for answers about what comes in.
    if (rules?.inbound !== inbound) consents.forget();
    inbound = rules?.inbound;
  });
  const limiter = createLimiter({ ask: plugins.lease, now });
  const audit = createAudit({ now, write: (line) => log.info(line, "a request matched an audit policy") });
  const guard = createPolicyGuard({
    source: { ...client, rules: () => rules },
    target: { namespace, service: name },
    defaultAuthorization,
    consents,
    limiter,
    counts,
    audit,
  });
  return {
    client,
    rules: () => rules,
    guard,
    limiter,
    counts,
    stats: () => ({
      version: client.current()?.version ?? "",
      evictedBuckets: limiter.evicted(),
      uncounted: counts.overflowed(),
    }),
  };
}
