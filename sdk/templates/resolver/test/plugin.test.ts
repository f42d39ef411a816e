import assert from "node:assert/strict";
import { test } from "node:test";
import { absent, rewrite } from "mesh-sdk";
import { startTest } from "mesh-sdk/test";
import plugin from "../src/plugin.ts";

test("leads the names in its table to their services", async () => {
  await using started = await startTest(plugin);
  assert.deepEqual(await started.resolve("hello.{{name}}"), rewrite("web"));
});

test("leaves every other name to the next resolver of the chain", async () => {
  await using started = await startTest(plugin, { config: { table: {} } });
  assert.deepEqual(await started.resolve("hello.{{name}}"), absent());
});
