import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  AuthorizationAction,
  DefaultAction,
  type Snapshot,
  SnapshotSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileAuthorization, unknownPart } from "@patchbay/rules";

/** Bytes of field 999, as a newer version would write them. */
const NEWER = new BinaryWriter().tag(999, WireType.Varint).uint32(1).finish();

/** An inbound whose only rule has a source with a field of the future. */
function fromTheFuture(): Snapshot {
  const raw = (field: number, bytes: Uint8Array): Uint8Array =>
    new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(bytes).finish();
  return fromBinary(SnapshotSchema, raw(3, raw(2, raw(3, raw(1, NEWER)))));
}

describe("what a snapshot holds that this version does not know", () => {
  it("is nothing in an ordinary one", () => {
    const inbound = {
      defaultAction: DefaultAction.DENY,
      authorization: [{ action: AuthorizationAction.DENY, rules: [{ when: "true" }] }],
    };
    const snapshot = create(SnapshotSchema, {
      inbound,
      outbound: [{ target: "users", rules: [{ requestTimeout: { seconds: 1n } }] }],
    });
    assert.equal(unknownPart(fromBinary(SnapshotSchema, toBinary(SnapshotSchema, snapshot))), undefined);
  });

  it("is found at any depth, fields and values alike", () => {
    assert.equal(unknownPart(fromTheFuture()), "inbound.authorization[0].rules[0].from[0]: field 999");
    assert.equal(unknownPart(fromBinary(SnapshotSchema, NEWER)), "field 999");
    const newAction = create(SnapshotSchema, { inbound: { authorization: [{ action: 42 as AuthorizationAction }] } });
    assert.equal(unknownPart(newAction), "inbound.authorization[0].action: 42");
  });

  it("is never left out: nothing is enforced of it", () => {
    const inbound = fromTheFuture().inbound ?? assert.fail();
    inbound.defaultAction = DefaultAction.ALLOW;
    assert.throws(
      () => compileAuthorization(inbound),
      /cannot enforce what this version does not know: authorization\[0\]/,
    );
  });
});
