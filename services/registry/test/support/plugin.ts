import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { NatsConnection } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import type { Accepted, Notice } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { holdLease, type Lease } from "@patchbay/wire";
import { type Fields, resolver } from "./announcements.ts";
import type { TestRegistry } from "./registry.ts";

export interface TestPlugin extends Disposable {
  readonly lease: Lease;
  readonly accepted: Accepted[];
  readonly notices: Notice[];
  readonly nats: NatsConnection[];
  readonly refusals: string[];
  /** The latest connection parameters. */
  connection(): NatsConnection;
}

/** A plugin that consumes reports and holds its lease. */
export function holdPlugin(registry: TestRegistry, fields: Fields = {}): TestPlugin {
  const sink: Fields = { address: "", manifest: { events: [{ class: "report", concurrency: 4 }] } };
  const announce = resolver({ ...sink, ...fields } as Fields);
  const { name, instance } = announce;
  const accepted: Accepted[] = [];
  const notices: Notice[] = [];
  const nats: NatsConnection[] = [];
  const refusals: string[] = [];
  const lease = holdLease({
    transport: registry.as({ kind: "plugin", name, instance }),
    announce: () => announce,
    onAccepted: (message) => {
      accepted.push(message);
      if (message.nats) nats.push(message.nats);
    },
    onNotice: (notice) => notices.push(notice),
    onNats: (connection) => nats.push(connection),
    onRefused: (error) => refusals.push(error.rawMessage),
  });
  return {
    lease,
    accepted,
    notices,
    nats,
    refusals,
    connection() {
      const last = nats.findLast((one) => one.unavailable === "");
      if (!last) throw new Error(`no credentials yet: ${nats.at(-1)?.unavailable ?? "not accepted"}`);
      return last;
    },
    [Symbol.dispose]: () => lease.close(),
  };
}

/** A plugin that has credentials for events. */
export function withNats(plugin: TestPlugin): boolean {
  return plugin.nats.some((one) => one.unavailable === "") && plugin.notices.at(-1)?.state === State.READY;
}
