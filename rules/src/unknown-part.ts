import type { DescMessage, Message } from "@bufbuild/protobuf";
import { type Snapshot, SnapshotSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { RuleError } from "./rule-error.ts";
import { unknownIn } from "./unknown-in.ts";

/**
 * What in a snapshot this program does not know, such as "inbound.authorization[3].action: 7"; undefined: it knows everything.
 * Called before a snapshot is put in force: what a newer policy service wrote would be enforced without the part that is new.
 */
export function unknownPart(snapshot: Snapshot): string | undefined {
  return unknownIn(SnapshotSchema, snapshot);
}

/** Throws RuleError when a part is not known. */
export function refuseUnknown(schema: DescMessage, message: Message): void {
  const unknown = unknownIn(schema, message);
  if (unknown !== undefined) throw new RuleError(`cannot enforce what this version does not know: ${unknown}`);
}
