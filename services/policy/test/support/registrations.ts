import { create } from "@bufbuild/protobuf";
import type { HookName } from "@patchbay/model";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, type Registration, RegistrationSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";

/** A program "namespace/name" behind a proxy. */
export function proxyOf(workload: string, { instance = "one", address = "" } = {}): Registration {
  const [namespace = "", name = ""] = workload.split("/");
  return create(RegistrationSchema, {
    id: `proxy/${workload}/${instance}`,
    announce: { kind: Kind.PROXY, namespace, name, instance, address, workload: { service: name, ready: true } },
    state: State.READY,
  });
}

/** A plugin of namespace "default" that offers hooks. */
export function pluginOf(name: string, ...hooks: readonly HookName[]): Registration {
  return create(RegistrationSchema, {
    id: `plugin/default/${name}/one`,
    announce: { kind: Kind.PLUGIN, namespace: "default", name, instance: "one" },
    grant: { hooks: hooks.map((name) => ({ kind: { case: name, value: {} } })) },
    state: State.READY,
  });
}
