import assert from "node:assert/strict";
import { test } from "node:test";
import { startTest } from "mesh-sdk/test";
import plugin from "../src/plugin.ts";

test("prints a line for each pair of services", async () => {
  await using started = await startTest(plugin);
  const outcome = await started.deliver.report({
    rows: [
      { source: "web", target: "cart", route: "GET /cart", requests: 9 },
      { source: "web", target: "cart", route: "POST /cart", requests: 1, failures: 1 },
      { source: "web", target: "users", requests: 5 },
      { source: "web", target: "users", requests: 5, direction: "inbound" },
    ],
  });
  assert.deepEqual(outcome, { status: "acked" });
  assert.deepEqual(
    started.logs.map(({ message }) => message.split(",").slice(0, 2).join(",")),
    ["web -> cart: 10 requests, 1 failed", "web -> users: 5 requests, 0 failed"],
  );
});
