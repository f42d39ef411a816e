import { create, toBinary } from "@bufbuild/protobuf";
import { type FollowResponse, FollowResponseSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { Snapshot } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { envelope } from "@patchbay/runtime";

/** A snapshot on its way to a proxy. */
export interface Update {
  readonly version: string;
  readonly message: FollowResponse;
  /** Encoded when it is first asked for. */
  envelope(): Buffer;
}

/** `snapshot` has its version. */
export function createUpdate(snapshot: Snapshot): Update {
  const message = create(FollowResponseSchema, { snapshot });
  let encoded: Buffer | undefined;
  return {
    version: snapshot.version,
    message,
    envelope() {
      encoded ??= envelope(toBinary(FollowResponseSchema, message));
      return encoded;
    },
  };
}
