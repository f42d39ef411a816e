import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import { HookSchema, type ResolveHookSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { hookJson, hookLine } from "../../src/commands/plugins/hook-text.ts";

const authorize = create(HookSchema, {
  kind: { case: "authorize", value: { concurrency: 64 } },
  deadline: durationFromMs(200),
});
const resolver = (more: MessageInitShape<typeof ResolveHookSchema>) =>
  create(HookSchema, { kind: { case: "resolve", value: { order: 500, ...more } }, deadline: durationFromMs(2_000) });

test("a hook that decides is told by its time and its calls", () => {
  assert.equal(hookLine(authorize), "authorize: answers within 200ms, 64 calls at a time");
  assert.deepEqual(hookJson(authorize), { kind: "authorize", deadlineMs: 200, concurrency: 64 });
});

test("a resolver is told by its place in the chain", () => {
  assert.equal(
    hookLine(resolver({ failurePolicy: FailurePolicy.OPEN })),
    "resolve: answers within 2s, for every name, place 500, fails open",
  );
  const bounded = resolver({ authoritySuffixes: ["legacy"], failurePolicy: FailurePolicy.CLOSED });
  assert.equal(hookLine(bounded), "resolve: answers within 2s, for legacy, place 500, fails closed");
  assert.deepEqual(hookJson(bounded), { kind: "resolve", deadlineMs: 2_000, suffixes: ["legacy"], order: 500 });
});
