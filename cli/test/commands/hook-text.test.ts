import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { FailurePolicy, HookSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { hookJson, hookLine } from "../../src/commands/plugins/hook-text.ts";

const authorize = create(HookSchema, { kind: "authorize", deadline: durationFromMs(200), concurrency: 64 });
const resolve = create(HookSchema, {
  kind: "resolve",
  deadline: durationFromMs(2_000),
  order: 500,
  failurePolicy: FailurePolicy.OPEN,
});

test("a hook that decides is told by its time and its calls", () => {
  assert.equal(hookLine(authorize), "authorize: answers within 200ms, 64 calls at a time");
  assert.deepEqual(hookJson(authorize), { kind: "authorize", deadlineMs: 200, concurrency: 64 });
});

test("a resolver is told by its place in the chain", () => {
  assert.equal(hookLine(resolve), "resolve: answers within 2s, for every name, place 500, fails open");
  const bounded = create(HookSchema, {
    ...resolve,
    authoritySuffixes: ["legacy"],
    failurePolicy: FailurePolicy.CLOSED,
  });
  assert.equal(hookLine(bounded), "resolve: answers within 2s, for legacy, place 500, fails closed");
  assert.deepEqual(hookJson(bounded), { kind: "resolve", deadlineMs: 2_000, suffixes: ["legacy"], order: 500 });
});
