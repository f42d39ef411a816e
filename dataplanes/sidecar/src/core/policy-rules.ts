import type { Snapshot } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";

/** A snapshot, made ready to decide by. */
export interface PolicyRules {
  readonly snapshot: Snapshot;
}

/**
 * Makes a snapshot ready; touches nothing that is in force.
 *
 * @throws Error with a sentence for people when the snapshot has a part that this proxy cannot enforce.
 */
export function compileSnapshot(snapshot: Snapshot): PolicyRules {
  return { snapshot };
}
