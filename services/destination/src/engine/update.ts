import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { Outcome as OutcomeMessage } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import {
  type Branch as BranchMessage,
  BranchSchema,
  type ResolveResponse,
  ResolveResponseSchema,
} from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { envelope } from "@patchbay/runtime";
import type { Branch, Evaluation, Outcome } from "../core/resolution.ts";

/** One version of an authority's resolution, encoded once for all subscribers. */
export interface Update {
  readonly version: string;
  readonly message: ResolveResponse;
  /** The message with its length prefix, ready to be written to a stream. */
  readonly envelope: Buffer;
}

const OUTCOMES: Readonly<Record<Outcome, OutcomeMessage>> = {
  endpoints: OutcomeMessage.ENDPOINTS,
  empty: OutcomeMessage.EMPTY,
  absent: OutcomeMessage.ABSENT,
  failed: OutcomeMessage.FAILED,
  // Only in incomplete messages: nothing is known yet.
  pending: OutcomeMessage.UNSPECIFIED,
};

/** Encodes a resolution; equal resolutions get equal versions. */
export function encodeUpdate(authority: string, evaluation: Evaluation): Update {
  const message = create(ResolveResponseSchema, {
    authority,
    incomplete: evaluation.pending || evaluation.partial,
    branches: evaluation.branches.map(toMessage),
  });
  message.version = createHash("sha256")
    .update(toBinary(ResolveResponseSchema, message))
    .digest("base64url")
    .slice(0, 16);
  return { version: message.version, message, envelope: envelope(toBinary(ResolveResponseSchema, message)) };
}

function toMessage({ weight, authority, outcome, endpoints, resolver, reason, stale }: Branch): BranchMessage {
  return create(BranchSchema, {
    weight,
    authority,
    outcome: OUTCOMES[outcome],
    endpoints: [...endpoints],
    resolver,
    reason,
    stale,
  });
}

/** Cheap test without encoding: true means that both encode to the same bytes, false means nothing. */
export function sameResolution(a: Evaluation, b: Evaluation): boolean {
  return (
    a.pending === b.pending &&
    a.partial === b.partial &&
    a.branches.length === b.branches.length &&
    a.branches.every((branch, index) => sameBranch(branch, b.branches[index]))
  );
}

function sameBranch(a: Branch, b: Branch | undefined): boolean {
  return (
    b !== undefined &&
    (a.endpoints === b.endpoints || a.endpoints.length + b.endpoints.length === 0) &&
    a.weight === b.weight &&
    a.authority === b.authority &&
    a.outcome === b.outcome &&
    a.resolver === b.resolver &&
    a.reason === b.reason &&
    a.stale === b.stale
  );
}
