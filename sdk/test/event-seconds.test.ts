import assert from "node:assert/strict";
import { test } from "node:test";
import { createPluginMetrics } from "../src/server/metrics.ts";

test("times in handlers are a histogram by event and outcome, as Prometheus reads it", async () => {
  const metrics = createPluginMetrics({ name: "sink", version: "1.0.0", ready: () => true, eventsInFlight: () => 0 });
  metrics.handled("report", "handled", 1);
  metrics.handled("report", "handled", 7);
  metrics.handled("report", "handled", 40_000);
  metrics.handled("report", "failed", 0.2);
  const lines = (await metrics.text()).split("\n");
  const value = (name: string, labels: string) =>
    lines.find((line) => line.startsWith(`mesh_plugin_event_seconds_${name}{${labels}`))?.split(" ")[1];
  const handled = 'event="report",outcome="handled",plugin="sink"}';
  const buckets = ["0.001", "0.005", "0.01", "0.05", "30", "+Inf"];
  assert.deepEqual(
    buckets.map((le) => value("bucket", `le="${le}",${handled}`)),
    ["1", "1", "2", "2", "2", "3"],
  );
  assert.equal(value("count", handled), "3");
  assert.equal(value("sum", handled), "40.008");
  assert.equal(value("count", 'event="report",outcome="failed"'), "1");
  assert.equal(lines.filter((line) => line === "# TYPE mesh_plugin_event_seconds histogram").length, 1);
  assert.ok(
    lines.every((line) => line === "" || /^(# |[a-z0-9_]+(\{[^}]*\})? [^ ]+$)/.test(line)),
    "one sample a line",
  );
});
