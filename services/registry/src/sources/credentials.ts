import { createHmac } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { errorMessage, within } from "@patchbay/model";
import {
  type EventInterest,
  type NatsConnection,
  NatsConnectionSchema,
} from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { type EventBus, mintToken } from "@patchbay/wire";
import { type Access, API_PREFIX, consumerName, pluginAccess } from "../core/plugins/plugin-access.ts";
import { consumersOf, ensureConsumers } from "./consumers.ts";
import type { Unavailable } from "./event-plane.ts";
import { streamOf } from "./streams.ts";

/** Who gets credentials. */
export interface PluginName {
  readonly namespace: string;
  readonly name: string;
  readonly instance: string;
}

/** Hands out what a plugin needs to receive events. */
export interface Credentials {
  /** Creates the plugin's consumers and a token; what cannot be had is said in `unavailable`. Never rejects. */
  issue(plugin: PluginName, interests: readonly EventInterest[]): Promise<NatsConnection>;
  /** What the holder of such a token may do. */
  accessOf(plugin: PluginName, interests: readonly EventInterest[]): Access;
}

export interface CredentialsOptions {
  /** From which tokens and inboxes are derived. */
  readonly key: Uint8Array;
  readonly servers: readonly string[];
  /** Or why there are no credentials to be had. */
  events(): EventBus | Unavailable;
  readonly tokenLifeMs: number;
  now(): number;
  /** Time for creating consumers; the registration waits for it. Default 1500 ms. */
  readonly deadlineMs?: number;
}

export function createCredentials(options: CredentialsOptions): Credentials {
  const { key, servers, tokenLifeMs, now, deadlineMs = 1_500 } = options;
  const issue = async (plugin: PluginName, interests: readonly EventInterest[]): Promise<NatsConnection> => {
    const events = options.events();
    const consumers = consumersOf(plugin, interests);
    if (!("unavailable" in events)) {
      const created = await within(ensureConsumers(events, consumers), deadlineMs);
      if (!created) throw new Error(`NATS did not create the consumers within ${deadlineMs} ms`);
    }
    // A connection that is only lost comes back, and the consumers are seen to then.
    else if (!events.lost) throw new Error(events.unavailable);
    const expiresAt = now() + tokenLifeMs;
    const { namespace, name, instance } = plugin;
    return create(NatsConnectionSchema, {
      servers: [...servers],
      token: mintToken(key, { kind: "plugin", namespace, name, instance, expiresAt }),
      expires: timestampFromMs(expiresAt),
      inboxPrefix: inboxPrefix(key, plugin),
      apiPrefix: API_PREFIX,
      consumers,
    });
  };
  return {
    issue: (plugin, interests) =>
      issue(plugin, interests).catch((error: unknown) =>
        create(NatsConnectionSchema, { unavailable: errorMessage(error) }),
      ),
    accessOf(plugin, interests) {
      const streams = interests.map((interest) => streamOf(interest.class)).filter((stream) => stream !== undefined);
      const consumer = consumerName(plugin.namespace, plugin.name);
      return pluginAccess({ consumer, streams, inboxPrefix: inboxPrefix(key, plugin) });
    },
  };
}

/** Nobody without the key can know it, and every replica derives the same. */
function inboxPrefix(key: Uint8Array, { namespace, name, instance }: PluginName): string {
  const secret = createHmac("sha256", key)
    .update(JSON.stringify(["inbox", namespace, name, instance]))
    .digest("hex");
  return `_INBOX_${secret.slice(0, 32)}`;
}
