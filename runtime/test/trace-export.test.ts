import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { eventually } from "@patchbay/testkit";
import { noLog } from "@patchbay/wire";
import { createTracing, type ExporterLimits, type Tracer, type Tracing } from "../src/trace/index.ts";
import { startOtlpReceiver } from "./support/otlp-receiver.ts";

const SOURCE = { name: "web", namespace: "shop", instance: "web-1", version: "0.1.0" };

function world(url: string, limits: Partial<ExporterLimits> = {}) {
  const warnings: object[] = [];
  const log = { ...noLog, warn: (fields: object) => void warnings.push(fields) };
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_HEADERS: "x-key=secret" };
  const tracing = createTracing({ environment, log, limits: { everyMs: 5, ...limits } });
  assert.ok(tracing);
  return { tracing, tracer: tracing.tracer(SOURCE), warnings };
}

function work(tracer: Tracer, times = 1): void {
  for (let i = 0; i < times; i += 1) {
    const context = tracer.begin(undefined);
    const at = Date.now();
    tracer.end({
      ...context,
      parentSpanId: "",
      traceState: "",
      name: `work ${i}`,
      kind: "server",
      startedAt: at,
      endedAt: at + 1,
      attributes: {},
      events: [],
      error: undefined,
    });
  }
}

function accounted(tracing: Tracing): number {
  const { sent, dropped, waiting } = tracing.stats();
  return sent + dropped + waiting;
}

describe("finished spans", () => {
  it("reach the collector in batches, with its fields", async () => {
    await using receiver = await startOtlpReceiver();
    const { tracing, tracer, warnings } = world(receiver.url);
    work(tracer, 700);
    await tracing.flush(5_000);
    assert.equal(receiver.spans.length, 700);
    assert.deepEqual(
      receiver.spans.map(({ name }) => name),
      Array.from({ length: 700 }, (_, i) => `work ${i}`),
    );
    assert.ok(receiver.requests.length >= 2);
    assert.ok(receiver.requests.every((headers) => headers["x-key"] === "secret"));
    assert.deepEqual(tracing.stats(), { sent: 700, dropped: 0, waiting: 0 });
    assert.deepEqual(warnings, []);
    tracing.close();
  });

  it("are dropped and counted when more come than the collector takes, and never wait", async () => {
    await using receiver = await startOtlpReceiver();
    const held = Promise.withResolvers<number>();
    receiver.answer = () => held.promise;
    const { tracing, tracer, warnings } = world(receiver.url);
    work(tracer, 5_000);
    assert.equal(tracing.stats().waiting, 2_048);
    assert.ok(tracing.stats().dropped > 2_000);
    assert.equal(warnings.length, 1, "one line, not thousands");
    held.resolve(200);
    await tracing.flush(5_000);
    assert.equal(accounted(tracing), 5_000);
    assert.equal(receiver.spans.length, tracing.stats().sent);
    tracing.close();
  });

  it("are sent again when the collector is busy, and not when it refuses them", async () => {
    await using receiver = await startOtlpReceiver();
    const answers = [503, 429, 200, 400];
    receiver.answer = () => answers.shift() ?? 200;
    const { tracing, tracer, warnings } = world(receiver.url);
    work(tracer, 3);
    await eventually(() => tracing.stats().sent === 3);
    work(tracer, 2);
    await eventually(() => tracing.stats().dropped === 2);
    assert.equal(receiver.requests.length, 4);
    assert.deepEqual(warnings, [{ spans: 2, reason: "the collector answered 400" }]);
    tracing.close();
  });

  it("are dropped when nobody listens there", async () => {
    const { tracing, tracer, warnings } = world("http://127.0.0.1:9");
    work(tracer, 4);
    await eventually(() => tracing.stats().dropped === 4);
    assert.equal(warnings.length, 1);
    tracing.close();
  });

  it("keep no process from ending when the collector hangs", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    assert.ok(typeof address === "object" && address !== null);
    const { tracing, tracer } = world(`http://127.0.0.1:${address.port}`);
    work(tracer, 600);
    await tracing.flush(30);
    assert.deepEqual(tracing.stats(), { sent: 0, dropped: 600, waiting: 0 });
    tracing.close();
    silent.close();
  });
});
