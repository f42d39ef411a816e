import { create } from "@bufbuild/protobuf";
import { type Snapshot, SnapshotSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { targetOf } from "./outbound.ts";
import type { ChangedServices, PolicyIndex, Workload } from "./policy-index.ts";
import { wholeNamespace } from "./resource.ts";

export interface SnapshotOptions {
  readonly workload: Workload;
  /** Targets that its proxy follows: hosts in full. */
  readonly hosts: ReadonlySet<string>;
  readonly namePolicies: boolean;
}

/** Everything in force for a workload, without its version. Equal policies give equal messages, in any order of arrival. */
export function composeSnapshot(
  policyIndex: PolicyIndex,
  { workload, hosts, namePolicies }: SnapshotOptions,
): Snapshot {
  return create(SnapshotSchema, {
    workload: `${workload.namespace}/${workload.name}`,
    inbound: policyIndex.inbound(workload),
    outbound: [...hosts].sort().map((host) => policyIndex.outbound(workload.namespace, host)),
    namePolicies,
  });
}

/** Whether a change can make another snapshot for a workload that follows these hosts. */
export function concerns({ inbound, outbound }: ChangedServices, { workload, hosts }: SnapshotOptions): boolean {
  const { namespace, name } = workload;
  if (inbound.has(wholeNamespace(namespace)) || inbound.has(`${namespace}/${name}`)) return true;
  if (outbound.size === 0) return false;
  return [...hosts].some((host) => outbound.has(targetOf(host).service ?? ""));
}
