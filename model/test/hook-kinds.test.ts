import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DECISION_HOOKS, HOOK_KINDS, HOOK_NAMES, hookKind, PLANNED_HOOKS } from "@patchbay/model";

describe("the table of hook kinds", () => {
  it("has each kind under its own name, and gives none more by default than it may ask for", () => {
    for (const [name, kind] of Object.entries(HOOK_KINDS)) {
      assert.equal(kind.name, name);
      assert.ok(kind.deadlineMs > 0 && kind.deadlineMs <= kind.maxDeadlineMs, name);
      assert.ok(kind.concurrency <= kind.maxConcurrency, name);
    }
  });

  it("has streams for resolvers, and one answer to each question for hooks that decide", () => {
    for (const { method, role } of Object.values(HOOK_KINDS))
      assert.equal(method.methodKind, role === "chain" ? "server_streaming" : "unary");
    assert.deepEqual(
      HOOK_NAMES.filter((name) => !DECISION_HOOKS.some((hook) => hook === name)),
      ["resolve"],
    );
  });

  it("knows nothing that is only planned, or that only every object has", () => {
    for (const name of [...PLANNED_HOOKS, "toString", "__proto__", ""]) assert.equal(hookKind(name), undefined);
    for (const name of HOOK_NAMES) assert.equal(hookKind(name), HOOK_KINDS[name]);
  });
});
