import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { HeaderChangeSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileHeaderChange } from "@patchbay/rules";

type Change = Parameters<typeof create<typeof HeaderChangeSchema>>[1];

function apply(change: Change, headers: string[]): string[] {
  return compileHeaderChange(create(HeaderChangeSchema, change))?.(headers) ?? headers;
}

describe("header changes of a rule", () => {
  test("set replaces all fields of a name in any spelling, add leaves them, remove takes them", () => {
    const headers = ["X-Env", "a", "x-env", "b", "Keep", "1", "Gone", "2"];
    const change = {
      set: [{ name: "x-env", value: "canary" }],
      add: [{ name: "Keep", value: "3" }],
      remove: ["GONE"],
    };
    assert.deepEqual(apply(change, headers), ["Keep", "1", "x-env", "canary", "keep", "3"]);
    assert.equal(headers.length, 8);
  });

  test("remove comes last: what was set and added of a name goes as well", () => {
    const change = { set: [{ name: "a", value: "1" }], add: [{ name: "a", value: "2" }], remove: ["a"] };
    assert.deepEqual(apply(change, ["a", "0", "b", "1"]), ["b", "1"]);
  });

  test("nothing to change is no edit at all", () => {
    assert.equal(compileHeaderChange(undefined), undefined);
    assert.equal(compileHeaderChange(create(HeaderChangeSchema, {})), undefined);
  });

  test("what frames a message, belongs to one hop or tells who calls stays as it is, whatever the rule says", () => {
    const names = [
      "Host",
      "content-length",
      "transfer-encoding",
      "connection",
      "te",
      "x-forwarded-client-cert",
      "l5d-client-id",
      "l5d-anything",
      "x-envoy-anything",
      "mesh-via",
      "mesh-error",
      ":path",
      "bad name",
      "",
    ];
    const change = {
      set: names.map((name) => ({ name, value: "1" })),
      add: [...names.map((name) => ({ name, value: "1" })), { name: "ok", value: "a\r\nInjected: 1" }],
      remove: names,
    };
    assert.equal(compileHeaderChange(create(HeaderChangeSchema, change)), undefined);
  });
});
