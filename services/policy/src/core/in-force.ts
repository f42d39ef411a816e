import type { Outbound } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { targetOf } from "./outbound.ts";
import type { CompiledPolicy, World } from "./policy-kind.ts";
import { wholeNamespace } from "./resource.ts";

/** Workloads that enforce a policy on inbound requests. */
export function atServers({ inbound }: CompiledPolicy, { workloads }: World): readonly string[] {
  const keys = new Set(inbound);
  const here = (workload: string): boolean =>
    keys.has(workload) || keys.has(wholeNamespace(workload.split("/")[0] ?? ""));
  return [...workloads].filter(here).sort();
}

/** Workloads that apply a policy to outbound requests. */
export function atClients(
  { outbound }: CompiledPolicy,
  world: World,
  applies: (outbound: Outbound) => boolean,
): readonly string[] {
  const steered = world.subscribers.filter(({ namespace, hosts }) =>
    [...hosts].some(
      (host) => outbound.includes(targetOf(host).service ?? "") && applies(world.outbound(namespace, host)),
    ),
  );
  return [...new Set(steered.map(({ namespace, workload }) => `${namespace}/${workload}`))].sort();
}
