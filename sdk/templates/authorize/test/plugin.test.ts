import assert from "node:assert/strict";
import { test } from "node:test";
import { startTest } from "mesh-sdk/test";
import plugin from "../src/plugin.ts";

test("lets those on the list call, and nobody else", async () => {
  await using started = await startTest(plugin, { config: { callers: ["web", "staging/load"] } });
  assert.equal((await started.authorize({ source: "web" })).kind, "allow");
  assert.equal((await started.authorize({ source: "staging/load" })).kind, "allow");
  const denied = await started.authorize({ source: "staging/web" });
  assert.equal(denied.kind === "deny" && denied.reason, "staging/web is not on the list");
});

test("asks those without proof for one, and keeps nothing of the answer", async () => {
  await using started = await startTest(plugin);
  const denied = await started.authorize({ source: "" });
  assert.equal(denied.kind === "deny" && denied.status, 401);
  assert.equal(denied.ttlMs, undefined);
});
