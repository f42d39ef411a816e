import { create } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import type { HookName } from "@patchbay/model";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import {
  Kind,
  type Registration,
  RegistrationSchema,
  WatchResponseSchema,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { createMetrics, createViewTable, developmentSettings } from "@patchbay/runtime";
import { systemClock } from "@patchbay/wire";
import { createPluginCalls } from "../../src/index.ts";

export interface InstanceInit {
  readonly instance?: string;
  readonly address?: string;
  readonly state?: State;
  readonly hook?: { readonly deadline?: Duration; readonly concurrency?: number };
}

/** An instance of the plugin "default/opa", which is granted the hook "authorize". No process listens at its default address. */
export function opa({
  instance = "a",
  address = "127.0.0.1:9",
  state = State.READY,
  hook = {},
}: InstanceInit): Registration {
  const { deadline, concurrency = 0 } = hook;
  return create(RegistrationSchema, {
    id: `plugin/default/opa/${instance}`,
    announce: { kind: Kind.PLUGIN, namespace: "default", name: "opa", instance, address },
    grant: { hooks: [{ kind: { case: "authorize", value: { concurrency } }, ...(deadline ? { deadline } : {}) }] },
    state,
    hookToken: `secret of ${instance}`,
  });
}

/** The room as a service has it, with a registry that the test plays. Real time, except where the test gives another. */
export function startCalls(registrations: readonly Registration[], hooks: readonly HookName[] = ["authorize"]) {
  const view = createViewTable();
  const registry = (changed: readonly Registration[], removed: readonly string[] = []): void =>
    view.apply(create(WatchResponseSchema, { complete: true, changed: [...changed], removed: [...removed] }));
  registry(registrations);
  const metrics = createMetrics("policy");
  const calls = createPluginCalls(
    {
      self: { kind: "core", namespace: "default", name: "policy", instance: "one" },
      view: { ...view, ready: () => Promise.resolve() },
      key: new Uint8Array(32).fill(1),
      clock: systemClock,
      settings: developmentSettings,
      metrics,
    },
    hooks,
  );
  return { ...calls, registry, metrics, [Symbol.dispose]: () => calls.stop() };
}
