import { hookNameOf } from "@patchbay/model";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { RegistryView } from "@patchbay/runtime";
import type { Known } from "../core/policy-kind.ts";

/** The registrations that policies refer to. */
export interface WorkloadLookup {
  known(): Omit<Known, "staticServices">;
  proxies(): readonly KnownProxy[];
}

export interface KnownProxy {
  readonly namespace: string;
  readonly workload: string;
  readonly instance: string;
  /** "host:port" of the proxy's API; empty: none. */
  readonly address: string;
  /** "namespace/name" of the program behind it; empty: none that others call. */
  readonly serves: string;
}

export function createWorkloadLookup(view: RegistryView): WorkloadLookup {
  const alive = (kind: Kind) => view.list(kind).filter(({ state }) => state !== State.GONE);
  const proxies = (): KnownProxy[] =>
    alive(Kind.PROXY).flatMap(({ announce }) => {
      if (!announce) return [];
      const { namespace, name, instance, address, workload } = announce;
      const serves = workload && workload.service !== "" ? `${namespace}/${workload.service}` : "";
      return [{ namespace, workload: name, instance, address, serves }];
    });
  return {
    proxies,
    known() {
      const hooks = new Map<string, Set<string>>();
      for (const { announce, grant } of alive(Kind.PLUGIN)) {
        const key = `${announce?.namespace}/${announce?.name}`;
        const kinds = hooks.get(key) ?? new Set();
        for (const hook of grant?.hooks ?? []) kinds.add(hookNameOf(hook));
        hooks.set(key, kinds);
      }
      return {
        workloads: new Set(
          proxies()
            .map(({ serves }) => serves)
            .filter((key) => key !== ""),
        ),
        plugins: hooks,
      };
    },
  };
}
