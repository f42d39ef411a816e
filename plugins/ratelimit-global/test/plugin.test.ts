import assert from "node:assert/strict";
import { test } from "node:test";
import { startTest } from "mesh-sdk/test";
import plugin from "../src/plugin.ts";

test("the plugin shares a limit out as the mesh asks it", async () => {
  await using started = await startTest(plugin);
  const ask = { requests: 10, perMs: 60_000, burst: 10, wanted: 8 };
  assert.deepEqual(await started.ratelimit({ ...ask, holder: "default/web/1" }), {
    kind: "grant",
    requests: 8,
    validForMs: 5_000,
  });
  const second = await started.ratelimit({ ...ask, holder: "default/web/2" });
  assert.ok(second.kind === "grant" && second.requests <= 2);
  await started.ratelimit({ ...ask, holder: "default/web/1" });
  assert.equal((await started.ratelimit({ ...ask, holder: "default/web/2" })).kind, "refuse");
});
