import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { within } from "@patchbay/model";

describe("work with a deadline", () => {
  it("is waited for, and its failure is the caller's", async () => {
    assert.equal(await within(Promise.resolve("done"), 60_000), true);
    await assert.rejects(within(Promise.reject(new Error("failed")), 60_000), /failed/);
  });

  it("is left behind when its time is over", async () => {
    assert.equal(await within(new Promise(() => undefined), 1), false);
  });
});
