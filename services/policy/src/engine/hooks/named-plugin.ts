import { Code, ConnectError } from "@connectrpc/connect";
import type { PolicyRef } from "@patchbay/proto/mesh/common/v1/policy_pb";
import type { PluginRef, RateLimit } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { Workload } from "../../core/policy-index.ts";

/** The plugin that a policy of a workload names, and the limits that the policy has. */
export interface NamedPlugin {
  readonly plugin: PluginRef;
  /** Of a RateLimitPolicy. */
  readonly limits: readonly RateLimit[];
}

/** Undefined: the workload has no such policy, or it names no plugin. */
export type PolicyOf = (workload: Workload, ref: PolicyRef) => NamedPlugin | undefined;

/** Looks up the policy by the authenticated workload, so that none can ask for another. */
export function namedPlugin(policyOf: PolicyOf, workload: Workload, ref: PolicyRef | undefined): NamedPlugin {
  const policy = ref && policyOf(workload, ref);
  if (policy !== undefined) return policy;
  throw new ConnectError(
    `${workload.namespace}/${workload.name} has no policy ${policyKey(ref)} with a plugin`,
    Code.NotFound,
  );
}

export function policyKey(ref: PolicyRef | undefined): string {
  return ref ? `${ref.namespace}/${ref.name}` : "";
}
