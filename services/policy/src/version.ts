import { createHash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import { type Snapshot, SnapshotSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";

const HEX_DIGITS = 16;

/**
 * A hash of the content. The encoding is the same wherever it is made: protobuf-es writes fields in the order of their numbers,
 * and snapshots hold no maps.
 */
export function versionOf(snapshot: Snapshot): string {
  const bytes = toBinary(SnapshotSchema, snapshot);
  return createHash("sha256").update(bytes).digest("hex").slice(0, HEX_DIGITS);
}
