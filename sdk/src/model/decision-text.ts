import { DEFAULT_NAMESPACE } from "@patchbay/model";
import type { PolicyRef } from "@patchbay/proto/mesh/common/v1/policy_pb";
import type { ServiceName } from "../public/plugin.ts";

/** A service in a line for people: the mesh's default namespace goes without saying. */
export function meshName({ namespace, service }: ServiceName): string {
  return namespace === DEFAULT_NAMESPACE ? service : `${namespace}/${service}`;
}

/** Such as "30 ms" or "1.5 s". */
export function secondsText(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Number((ms / 1_000).toFixed(1))} s`;
}

/** `"namespace/name"` of the policy that asks. */
export function policyName(policy: PolicyRef | undefined): string {
  return policy ? `${policy.namespace}/${policy.name}` : "";
}
