import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Announce,
  AnnounceSchema,
  type Heartbeat,
  HeartbeatSchema,
  Kind,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";

export type Fields = MessageInitShape<typeof AnnounceSchema>;

/** A proxy that is ready; what is given replaces the rest. */
export function proxy(fields: Fields = {}): Announce {
  return create(AnnounceSchema, {
    kind: Kind.PROXY,
    name: "users",
    namespace: "default",
    instance: "one",
    version: "0.1.0",
    contract: { min: 1, max: 1 },
    ready: true,
    ...fields,
  } as Fields);
}

/** A plugin with a resolve hook that is ready. */
export function resolver(fields: Fields = {}): Announce {
  return create(AnnounceSchema, {
    kind: Kind.PLUGIN,
    name: "hosts",
    namespace: "default",
    instance: "one",
    version: "1.2.3",
    address: "127.0.0.1:9000",
    contract: { min: 1, max: 1 },
    ready: true,
    manifest: { hooks: [{ kind: { case: "resolve", value: {} } }], sdk: "mesh-sdk/0.1.0" },
    ...fields,
  } as Fields);
}

export function beat(fields: MessageInitShape<typeof HeartbeatSchema> = {}): Heartbeat {
  return create(HeartbeatSchema, { ready: true, ...fields });
}
