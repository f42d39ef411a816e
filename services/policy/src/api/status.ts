import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ProxyStatus,
  ProxyStatusSchema,
  type ResourceStatus,
  ResourceStatusSchema,
  type StatusResponse,
  StatusResponseSchema,
} from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { DefaultAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { PolicyIndex } from "../core/policy-index.ts";
import type { CompiledPolicy, Known } from "../core/policy-kind.ts";
import type { PolicyResource } from "../core/resource.ts";
import { proxyId, type Subscriber, type Subscribers } from "../engine/subscribers.ts";
import type { WorkloadLookup } from "../sources/workload-lookup.ts";
import type { WrittenResources } from "../sources/written-resources.ts";

export interface StatusOptions {
  readonly defaultAction: DefaultAction;
  readonly policyIndex: PolicyIndex;
  readonly subscribers: Subscribers;
  readonly workloadLookup: WorkloadLookup;
  written(): WrittenResources | undefined;
}

/** Resources in force, problems of files, and the version that each proxy runs. */
export function createStatus(options: StatusOptions): () => StatusResponse {
  const { policyIndex, subscribers, workloadLookup } = options;
  return () => {
    const written = options.written();
    const known = { ...workloadLookup.known(), staticServices: written?.staticServices() ?? new Set<string>() };
    const seen: Seen = {
      policyIndex,
      known,
      subscribers: subscribers.list(),
      outdated: written?.outdated() ?? new Set(),
    };
    return create(StatusResponseSchema, {
      defaultAction: options.defaultAction,
      resources: policyIndex.all().map((each) => resourceStatus(each, seen)),
      problems: [...(written?.problems() ?? [])],
      proxies: proxies(options),
    });
  };
}

/** Input for the status of all resources. */
interface Seen {
  readonly policyIndex: PolicyIndex;
  readonly known: Known;
  readonly subscribers: readonly Subscriber[];
  readonly outdated: ReadonlySet<PolicyResource>;
}

function resourceStatus(compiled: CompiledPolicy, { policyIndex, known, subscribers, outdated }: Seen): ResourceStatus {
  const { kind: policyKind, resource, ref } = compiled;
  const { kind, namespace, name } = ref;
  return create(ResourceStatusSchema, {
    kind,
    namespace,
    name,
    origin: resource.origin,
    outdated: outdated.has(resource),
    workloads: [
      ...policyKind.inForce(compiled, { workloads: known.workloads, subscribers, outbound: policyIndex.outbound }),
    ],
    summary: policyKind.summarise(resource.spec),
    warnings: [...policyKind.warn(compiled, { all: policyIndex.all(), known })],
  });
}

/** Connected proxies, and those that only the registry knows. */
function proxies({ subscribers, workloadLookup }: StatusOptions): ProxyStatus[] {
  const following = subscribers.list().map((each) => ({ ...each, connected: true }));
  const ids = new Set(following.map((each) => proxyId({ ...each, name: each.workload })));
  const away = workloadLookup
    .proxies()
    .filter((each) => !ids.has(proxyId({ ...each, name: each.workload })))
    .map((each) => ({ ...each, wanted: "", untold: "", connected: false }));
  return [...following, ...away].map((each) => {
    const said = subscribers.acknowledged(proxyId({ ...each, name: each.workload }));
    const refused = said?.refusedVersion === each.wanted ? said.refused : "";
    return create(ProxyStatusSchema, {
      namespace: each.namespace,
      workload: each.workload,
      instance: each.instance,
      version: said?.version ?? "",
      wanted: each.wanted,
      rejectionReason: each.untold === "" ? refused : each.untold,
      ...(said && said.at > 0 ? { acknowledged: timestampFromMs(said.at) } : {}),
      connected: each.connected,
    });
  });
}
