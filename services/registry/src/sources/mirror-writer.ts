import { toBinary } from "@bufbuild/protobuf";
import type { KV } from "@nats-io/kv";
import { createBackoff, errorMessage, pause } from "@patchbay/model";
import { type Registration, RegistrationSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { Log } from "@patchbay/wire";

/** Writes our registrations one by one, of each only the latest; so no more can wait than there are. */
export interface MirrorWriter {
  put(changed: readonly Registration[], removed: readonly string[]): void;
  beat(): void;
  /** Writes nothing more; what was sent when the connection broke is not waited for. */
  stop(): void;
}

export interface MirrorWriterOptions {
  readonly kv: KV;
  readonly replica: string;
  readonly log: Log;
}

/** The marker of a removed key goes by itself after this time. */
const MARKER_TTL = "60s";

export function createMirrorWriter({ kv, replica, log }: MirrorWriterOptions): MirrorWriter {
  /** By key; undefined: to be removed. */
  const due = new Map<string, Uint8Array | undefined>();
  const stopping = new AbortController();
  const backoff = createBackoff({ minMs: 100, maxMs: 2_000 });
  let beats = 0;
  let running = false;

  const writeOne = async (key: string, value: Uint8Array | undefined): Promise<void> => {
    due.delete(key);
    try {
      if (value) await kv.put(key, value);
      else await kv.purge(key, { ttl: MARKER_TTL });
      backoff.reset();
    } catch (error) {
      if (!due.has(key)) due.set(key, value);
      log.debug({ key, reason: errorMessage(error) }, "a registration could not be mirrored yet");
      await pause(backoff.next(), stopping.signal);
    }
  };
  const run = async (): Promise<void> => {
    for (let next = first(due); next && !stopping.signal.aborted; next = first(due)) await writeOne(...next);
    running = false;
  };
  const wake = (): void => {
    if (running || due.size === 0 || stopping.signal.aborted) return;
    running = true;
    void run();
  };
  return {
    put(changed, removed) {
      for (const registration of changed)
        due.set(registrationKey(replica, registration.id), toBinary(RegistrationSchema, registration));
      for (const id of removed) due.set(registrationKey(replica, id), undefined);
      wake();
    },
    beat() {
      beats += 1;
      due.set(replicaKey(replica), Buffer.from(String(beats)));
      wake();
    },
    stop: () => stopping.abort(),
  };
}

function first<K, V>(map: ReadonlyMap<K, V>): readonly [K, V] | undefined {
  const [next] = map;
  return next;
}

/** The key whose changes show that a replica is alive. */
export function replicaKey(replica: string): string {
  return `rep.${replica}`;
}

function registrationKey(replica: string, id: string): string {
  return `reg.${replica}.${Buffer.from(id).toString("base64url")}`;
}
