import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { errorMessage } from "@patchbay/model";
import { isErrno, replacePrivateFile } from "@patchbay/process";
import { type Snapshot, SnapshotSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { Log } from "@patchbay/wire";

/** What was found on disk. */
export type Kept =
  | { readonly kind: "none" }
  | { readonly kind: "snapshot"; readonly snapshot: Snapshot }
  /** The file exists, but its rules cannot be read. */
  | { readonly kind: "unreadable"; readonly reason: string };

/** The last snapshot that was in force, for a start without the policy service. */
export interface PolicyFile {
  /** At once, so that the first request meets the rules. */
  read(): Kept;
  /** Writes it soon, whole or not at all; of several only the last. */
  write(snapshot: Snapshot): void;
  /** Settles when nothing is being written. */
  flush(): Promise<void>;
}

export interface PolicyFileOptions {
  readonly stateDir: string;
  readonly namespace: string;
  readonly name: string;
  readonly log: Log;
}

export function createPolicyFile({ stateDir, namespace, name, log }: PolicyFileOptions): PolicyFile {
  const path = join(stateDir, "proxies", `${namespace}.${name}.policy`);
  let waiting: Snapshot | undefined;
  let writing: Promise<void> | undefined;

  async function writeAll(): Promise<void> {
    while (waiting !== undefined) {
      const snapshot = waiting;
      waiting = undefined;
      await save(path, snapshot).catch((error: unknown) =>
        log.warn({ path, reason: errorMessage(error) }, "the rules could not be kept for a start without policy"),
      );
    }
    writing = undefined;
  }

  return {
    read() {
      try {
        const snapshot = fromJsonString(SnapshotSchema, readFileSync(path, "utf8"));
        if (snapshot.workload === `${namespace}/${name}`) return { kind: "snapshot", snapshot };
        return { kind: "unreadable", reason: `${path} holds rules of ${JSON.stringify(snapshot.workload)}` };
      } catch (error) {
        if (isErrno(error, "ENOENT")) return { kind: "none" };
        return { kind: "unreadable", reason: `${path} cannot be read (${errorMessage(error)})` };
      }
    },
    write(snapshot) {
      waiting = snapshot;
      writing ??= writeAll();
    },
    flush: () => writing ?? Promise.resolve(),
  };
}

async function save(path: string, snapshot: Snapshot): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await replacePrivateFile(path, toJsonString(SnapshotSchema, snapshot));
}
