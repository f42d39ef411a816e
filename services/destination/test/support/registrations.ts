import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, timestampFromMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { HookSchema, ResolveHookSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import {
  Kind,
  type Registration,
  RegistrationSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";

export interface ProxyInit {
  readonly service?: string;
  readonly namespace?: string;
  readonly instance?: string;
  readonly port?: number;
  readonly ports?: readonly number[];
  readonly ready?: boolean;
  readonly state?: State;
  readonly stale?: boolean;
}

/** A program behind a sidecar. */
export function proxy(init: ProxyInit = {}): Registration {
  const { service = "users", namespace = "default", instance = "one", port = 7001 } = init;
  return create(RegistrationSchema, {
    id: `proxy/${namespace}/${service}/${instance}`,
    announce: {
      kind: Kind.PROXY,
      name: service,
      namespace,
      instance,
      workload: {
        service,
        ports: [...(init.ports ?? [])],
        ready: init.ready ?? true,
        endpoint: { address: "127.0.0.1", port, identity: `spiffe://cluster.local/ns/${namespace}/sa/${service}` },
      },
    },
    state: init.state ?? State.READY,
    stale: init.stale ?? false,
    since: timestampNow(),
  });
}

export interface PluginInit {
  readonly name?: string;
  readonly instance?: string;
  readonly address: string;
  readonly state?: State;
  readonly reason?: string;
  readonly history?: readonly State[];
  /** Milliseconds since the epoch. */
  readonly startedAt?: number;
  readonly hook?: MessageInitShape<typeof ResolveHookSchema> & { readonly deadline?: Duration };
  readonly allowedNetworks?: readonly string[];
}

/** A plugin that is granted the hook "resolve". */
export function plugin(init: PluginInit): Registration {
  const { name = "custom", instance = "one", address } = init;
  return create(RegistrationSchema, {
    id: `plugin/default/${name}/${instance}`,
    announce: { kind: Kind.PLUGIN, name, namespace: "default", instance, address },
    state: init.state ?? State.READY,
    reason: init.reason ?? "",
    history: (init.history ?? [State.STARTING, State.READY]).map((state, index) => ({
      state,
      at: timestampFromMs((init.startedAt ?? Date.now()) + index),
    })),
    since: timestampNow(),
    hookToken: `secret of ${name}`,
    grant: {
      source: "development",
      hooks: [resolveHook(init.hook)],
      allowedNetworks: [...(init.allowedNetworks ?? [])],
    },
  });
}

function resolveHook({
  deadline,
  ...asked
}: NonNullable<PluginInit["hook"]> = {}): MessageInitShape<typeof HookSchema> {
  const value = { failurePolicy: FailurePolicy.OPEN, ...asked };
  return { kind: { case: "resolve", value }, ...(deadline === undefined ? {} : { deadline }) };
}

/** A core service at a port. */
export function core(name: string, port: number): Registration {
  return create(RegistrationSchema, {
    id: `core/default/${name}/one`,
    announce: { kind: Kind.CORE, name, namespace: "default", instance: "one", address: `127.0.0.1:${port}` },
    state: State.READY,
  });
}

export function picture(
  changed: readonly Registration[],
  more: { reset?: boolean; complete?: boolean; removed?: string[] } = {},
): WatchResponse {
  return create(WatchResponseSchema, { changed: [...changed], complete: true, ...more });
}
