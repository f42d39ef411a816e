import assert from "node:assert/strict";
import { test } from "node:test";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { createProcessMetrics } from "../src/metrics.ts";
import { metricsFormatOf, toOpenMetrics } from "../src/server/metrics-format.ts";

test("OpenMetrics is for those that name it and do not prefer text", () => {
  const open = [
    "application/openmetrics-text",
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Application/OpenMetrics-Text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
  ];
  for (const accept of open) assert.equal(metricsFormatOf(accept), "openmetrics", accept);
  const plain = [
    undefined,
    "",
    "*/*",
    "text/plain",
    "application/openmetrics-text;version=0.0.1",
    "application/openmetrics-text;q=0",
    "application/openmetrics-text;q=high",
    "application/openmetrics-text;q=0.1,text/plain;q=0.5",
  ];
  for (const accept of plain) assert.equal(metricsFormatOf(accept), "prometheus", accept);
});

test("counters' families lose their _total and samples have one", async () => {
  const registry = new Registry();
  registry.setDefaultLabels({ service: "a" });
  const registers = [registry];
  new Counter({ name: "made_total", help: 'Made "here".', labelNames: ["kind"], registers }).inc({ kind: "x{ }" }, 2);
  new Counter({ name: "odd", help: "Named otherwise.", registers }).inc();
  new Gauge({ name: "in_total", help: "A gauge.", registers }).set(1);
  assert.equal(
    toOpenMetrics(await registry.metrics()),
    [
      "# TYPE made counter",
      '# HELP made Made \\"here\\".',
      'made_total{kind="x{ }",service="a"} 2',
      "# TYPE odd counter",
      "# HELP odd Named otherwise.",
      'odd_total{service="a"} 1',
      "# TYPE in_total gauge",
      "# HELP in_total A gauge.",
      'in_total{service="a"} 1',
      "",
    ].join("\n"),
  );
});

test("a family of several registries stands together", async () => {
  const texts = ["a", "b"].map((service) => {
    const registry = new Registry();
    registry.setDefaultLabels({ service });
    new Histogram({ name: "took", help: "Time.", buckets: [1], registers: [registry] }).observe(0.5);
    new Gauge({ name: `only_${service}`, help: "Own.", registers: [registry] }).set(1);
    return registry.metrics();
  });
  const lines = toOpenMetrics((await Promise.all(texts)).join("")).split("\n");
  assert.deepEqual(
    lines.map((line) => /^(?:# TYPE )?(\w+)/.exec(line)?.[1]).filter((name) => name !== undefined),
    "took took_bucket took_bucket took_sum took_count took_bucket took_bucket took_sum took_count"
      .split(" ")
      .concat("only_a only_a only_b only_b".split(" ")),
  );
});

test("text for Prometheus stays as it was, whoever asked for OpenMetrics before", async () => {
  const registry = createProcessMetrics();
  const names = async (): Promise<string[]> => (await registry.metrics()).match(/^# TYPE .*/gm) ?? [];
  const before = await names();
  toOpenMetrics(await registry.metrics());
  assert.deepEqual(await names(), before);
  assert.ok(before.includes("# TYPE process_cpu_seconds_total counter"));
});
