import assert from "node:assert/strict";
import { test } from "node:test";
import { startTest } from "mesh-sdk/test";
import plugin from "../src/plugin.ts";

// Ten an hour: none comes back while a test runs.
const limit = { requests: 10, perMs: 3_600_000, burst: 10 };

test("proxies together get no more than the limit, and none of them gets all", async () => {
  await using started = await startTest(plugin);
  const granted: number[] = [];
  for (const holder of ["default/web/1", "default/web/2", "default/web/1", "default/web/2", "default/web/1"]) {
    const lease = await started.ratelimit({ ...limit, policy: "default/one", holder, wanted: 10 });
    granted.push(lease.kind === "grant" ? lease.requests : 0);
  }
  assert.deepEqual(granted, [5, 3, 1, 1, 0]);
});

test("what a proxy gives back is there for the others, and each key is a limit of its own", async () => {
  await using started = await startTest(plugin);
  const ask = { ...limit, policy: "default/two", key: ["acme"], wanted: 4 };
  const kinds: string[] = [];
  for (let round = 0; round < 6; round += 1) kinds.push((await started.ratelimit(ask)).kind);
  assert.equal(kinds.at(-1), "refuse");
  assert.equal((await started.ratelimit({ ...ask, unspent: 2 })).kind, "grant");
  assert.equal((await started.ratelimit({ ...ask, key: ["other"] })).kind, "grant");
});
