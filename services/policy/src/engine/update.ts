import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type WatchResponse, WatchResponseSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { type Snapshot, SnapshotSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { envelope } from "@patchbay/runtime";

/** A snapshot on its way to a proxy. */
export interface Update {
  /** A hash of the content. */
  readonly version: string;
  readonly bytes: number;
  /** With its version. */
  message(): WatchResponse;
  /** The message, encoded and framed. */
  readonly envelope: Uint8Array;
}

const HEX_DIGITS = 16;

/**
 * Gives a snapshot its version. It is encoded once, for the hash and for the wire: protobuf-es writes fields in the order of
 * their numbers and snapshots hold no maps, so equal contents are equal bytes.
 */
export function createUpdate(snapshot: Snapshot): Update {
  const content = toBinary(SnapshotSchema, snapshot);
  const version = createHash("sha256").update(content).digest("hex").slice(0, HEX_DIGITS);
  return {
    version,
    bytes: content.byteLength,
    message: () => create(WatchResponseSchema, { snapshot: { ...snapshot, version } }),
    get envelope() {
      return envelope(response(version, content));
    },
  };
}

/** WatchResponse { snapshot { version, content } }; fields may come in any order. */
function response(version: string, content: Uint8Array): Uint8Array {
  const { version: versionField } = SnapshotSchema.field;
  const snapshot = new BinaryWriter().tag(versionField.number, WireType.LengthDelimited).string(version).raw(content);
  const { snapshot: snapshotField } = WatchResponseSchema.field;
  return new BinaryWriter().tag(snapshotField.number, WireType.LengthDelimited).bytes(snapshot.finish()).finish();
}
