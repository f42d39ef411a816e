import { toBinary } from "@bufbuild/protobuf";
import type { KV } from "@nats-io/kv";
import { createBackoff, createMailbox, errorMessage, pause } from "@patchbay/model";
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

interface Write {
  readonly key: string;
  /** undefined: to be removed. */
  readonly value: Uint8Array | undefined;
}

/** The marker of a removed key goes by itself after this time. */
const MARKER_TTL = "60s";

export function createMirrorWriter({ kv, replica, log }: MirrorWriterOptions): MirrorWriter {
  const due = createMailbox<Write>({ kindOf: ({ key }) => key });
  const stopping = new AbortController();
  const backoff = createBackoff({ minMs: 100, maxMs: 2_000 });
  let beats = 0;

  const write = async ({ key, value }: Write): Promise<void> => {
    if (value) await kv.put(key, value);
    else await kv.purge(key, { ttl: MARKER_TTL });
    backoff.reset();
  };
  const run = async (): Promise<void> => {
    for await (const next of due) {
      if (stopping.signal.aborted) return;
      try {
        await write(next);
      } catch (error) {
        due.putBack(next);
        log.debug({ key: next.key, reason: errorMessage(error) }, "a registration could not be mirrored yet");
        await pause(backoff.next(), stopping.signal);
      }
    }
  };
  void run();
  return {
    put(changed, removed) {
      for (const registration of changed)
        due.put({
          key: registrationKey(replica, registration.id),
          value: toBinary(RegistrationSchema, registration),
        });
      for (const id of removed) due.put({ key: registrationKey(replica, id), value: undefined });
    },
    beat() {
      beats += 1;
      due.put({ key: replicaKey(replica), value: Buffer.from(String(beats)) });
    },
    stop() {
      stopping.abort();
      due.end();
    },
  };
}

/** The key whose changes show that a replica is alive. */
export function replicaKey(replica: string): string {
  return `rep.${replica}`;
}

function registrationKey(replica: string, id: string): string {
  return `reg.${replica}.${Buffer.from(id).toString("base64url")}`;
}
