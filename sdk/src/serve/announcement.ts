import type { MessageInitShape } from "@bufbuild/protobuf";
import { type AnnounceSchema, Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { HeartbeatState } from "@patchbay/wire";
import type { ConsumerCounts } from "../events/counts.ts";
import { hasHooks, type PluginManifest, toManifestMessage } from "../model/manifest.ts";
import { sdkName } from "../version.ts";

/** A plugin as the registry sees it. */
export interface Announced {
  readonly manifest: PluginManifest;
  readonly namespace: string;
  readonly instance: string;
  /** "host:port" of the hooks. */
  readonly address: string;
  /** Why the plugin is not ready; undefined when it is. */
  readonly problem: string | undefined;
}

/** Versions of the plugin contract that this SDK speaks. */
const contract = { min: 1, max: 1 };

/** The plugin's registration. */
export function toAnnouncement(plugin: Announced): MessageInitShape<typeof AnnounceSchema> {
  const { manifest, namespace, instance, address, problem } = plugin;
  return {
    kind: Kind.PLUGIN,
    name: manifest.name,
    namespace,
    instance,
    version: manifest.version,
    address: hasHooks(manifest) ? address : "",
    contract,
    ready: problem === undefined,
    reason: problem ?? "",
    manifest: toManifestMessage(manifest, sdkName),
  };
}

/** The state that the lease's heartbeat carries every few seconds. */
export function toHeartbeat(problem: string | undefined, counts: ReadonlyMap<string, ConsumerCounts>): HeartbeatState {
  const consumers = [...counts].map(([name, count]) => ({
    class: name,
    received: BigInt(count.received),
    handled: BigInt(count.handled),
    failed: BigInt(count.failed),
    deadLettered: BigInt(count.deadLettered),
    redelivered: BigInt(count.redelivered),
  }));
  return { ready: problem === undefined, reason: problem ?? "", consumers };
}
