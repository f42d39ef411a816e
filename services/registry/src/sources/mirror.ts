import { fromBinary } from "@bufbuild/protobuf";
import { type KV, Kvm, type KvWatchEntry } from "@nats-io/kv";
import { errorMessage, type KeptStream, keepStream } from "@patchbay/model";
import { type Registration, RegistrationSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { type EventBus, type Log, systemClock } from "@patchbay/wire";
import type { Replicas } from "../core/replicas/replicas.ts";
import { createMirrorWriter, replicaKey } from "./mirror-writer.ts";

/** The bucket in which replicas of the registry show each other what they hold. */
export const BUCKET = "mesh-registrations";
const MAX_BYTES = 64 * 1024 * 1024;
const MARKER_TTL_MS = 60_000;

export interface MirrorOptions {
  readonly bus: EventBus;
  /** Our name among the replicas. */
  readonly replica: string;
  readonly replicas: Replicas;
  /** Everything that we hold now. */
  own(): readonly Registration[];
  /** Monotonic milliseconds. */
  now(): number;
  /** Everything that others hold has been read. */
  onLoaded(): void;
  readonly log: Log;
}

/**
 * Mirrors registrations through a key-value bucket: our own are written, those of others are watched.
 * Liveness of a replica is by the changes of its own key and the reader's clock; nothing in the bucket expires by itself.
 */
export interface Mirror {
  put(changed: readonly Registration[], removed: readonly string[]): void;
  /** A sign of life for other replicas. */
  beat(): void;
  /** Clears away what dead replicas left. */
  clear(replicas: readonly string[]): Promise<void>;
  stop(): void;
}

/** Starts from nothing: writes everything that we hold, reads everything that others do. Call it anew after each reconnect. */
export async function startMirror(options: MirrorOptions): Promise<Mirror> {
  const { bus, replica, own, log } = options;
  const limits = { history: 1, max_bytes: MAX_BYTES, markerTTL: MARKER_TTL_MS };
  const kv = await new Kvm(bus.admin().jetstream()).create(BUCKET, limits);
  const writer = createMirrorWriter({ kv, replica, log });
  // Our own key goes first: reading can only tell its end when there is something to read.
  await kv.put(replicaKey(replica), "0");
  writer.put(own(), []);
  const reader = startReader(kv, options);
  return {
    put: writer.put,
    beat: writer.beat,
    clear: async (names) => {
      for (const name of names) await clearReplica(bus, name);
    },
    stop() {
      reader.stop();
      writer.stop();
    },
  };
}

async function clearReplica(bus: EventBus, replica: string): Promise<void> {
  const prefix = `$KV.${BUCKET}`;
  await bus.admin().streams.purge(`KV_${BUCKET}`, { filter: `${prefix}.reg.${replica}.*` });
  await bus.admin().streams.purge(`KV_${BUCKET}`, { filter: `${prefix}.rep.${replica}` });
}

function startReader(kv: KV, options: MirrorOptions): KeptStream {
  const { replicas, onLoaded, log } = options;
  return keepStream({
    connect: (signal) => readAll(kv, options, signal),
    onMessage() {
      replicas.loaded();
      onLoaded();
    },
    onDown(error) {
      if (error !== undefined) log.warn({ reason: errorMessage(error) }, "cannot read other replicas; trying again");
    },
    backoff: { minMs: 100, maxMs: 1_000 },
    clock: systemClock,
  });
}

/** Reads entries until the signal aborts. Yields once, when everything that was there at the beginning has been read. */
async function* readAll(kv: KV, options: MirrorOptions, signal: AbortSignal): AsyncGenerator<void> {
  options.replicas.begin();
  const entries = await kv.watch({ key: ">" });
  // Its heartbeats would keep the process alive, also when it was stopped before it was there.
  signal.addEventListener("abort", () => entries.stop(), { once: true });
  if (signal.aborted) return entries.stop();
  let loading = true;
  for await (const entry of entries) {
    take(entry, options);
    if (!loading || !entry.isUpdate) continue;
    loading = false;
    yield;
  }
}

function take(entry: KvWatchEntry, { replica: self, replicas, now, log }: MirrorOptions): void {
  const [kind, replica = "", encoded = ""] = entry.key.split(".");
  if (replica === self || replica === "") return;
  if (kind === "rep") return entry.operation === "PUT" ? replicas.heard(replica, now()) : undefined;
  if (entry.operation !== "PUT") return replicas.removed(replica, Buffer.from(encoded, "base64url").toString());
  try {
    replicas.registration(replica, fromBinary(RegistrationSchema, entry.value));
  } catch (error) {
    log.warn({ replica, key: entry.key, reason: errorMessage(error) }, "another replica wrote something unreadable");
  }
}
