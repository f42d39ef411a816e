import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { eventually, startNats, type TestNats } from "@patchbay/testkit";
import {
  cloudEventHeaders,
  connectEvents,
  consumerState,
  type EventBus,
  ensureConsumer,
  ensureStream,
} from "@patchbay/wire";
import { definePlugin, type EventContext, type PluginDefinition, permanent, type Report, retry } from "../src/index.ts";
import { startRegistry, type TestRegistry } from "./support/registry.ts";
import { serveForTest } from "./support/serving.ts";

const key = new Uint8Array(32).fill(7);
const stream = "EVENTS_REPORT";
let nats: TestNats;
let bus: EventBus;
let sent = 0;

before(async () => {
  nats = await startNats();
  bus = await connectEvents({ servers: nats.url, name: "test" });
});

after(async () => {
  await bus.close();
  await nats.stop();
});

interface Setting {
  readonly handler: (report: Report, context: EventContext<unknown>) => void | Promise<void>;
  readonly options?: NonNullable<PluginDefinition["options"]>["report"];
  readonly concurrency?: number;
  readonly ackWaitMs?: number;
  readonly maxDeliver?: number;
  /** Sequences of reports that the stream holds before the plugin starts. */
  readonly stored?: readonly number[];
}

/** A stream of its own, a registry that hands out its consumer, and the plugin. */
async function start(setting: Setting) {
  const { handler, options = {}, concurrency = 16, ackWaitMs = 10_000, maxDeliver = 5, stored = [] } = setting;
  await bus
    .admin()
    .streams.delete(stream)
    .catch(() => undefined);
  await ensureStream(bus.admin(), {
    name: stream,
    subjects: ["mesh.event.report.>"],
    maxBytes: 1e7,
    maxAgeMs: 0,
    discard: "old",
  });
  await ensureConsumer(bus.admin(), { stream, name: "sink", concurrency, ackWaitMs, maxDeliver });
  await publish(stored);
  const consumer = {
    class: "report",
    stream,
    name: "sink",
    concurrency,
    ackWait: { seconds: BigInt(Math.floor(ackWaitMs / 1_000)), nanos: (ackWaitMs % 1_000) * 1e6 },
    maxDeliver,
  };
  const connection = {
    servers: [nats.url],
    token: "any",
    inboxPrefix: "_INBOX_sink",
    apiPrefix: "$JS.API",
    consumers: [consumer],
  };
  const registry: TestRegistry = await startRegistry({ key, nats: () => connection });
  const plugin = definePlugin({ name: "sink", on: { report: handler }, options: { report: options } });
  const served = await serveForTest(plugin, { key, address: registry.address });
  await served.ready();
  return {
    registry,
    served,
    connection,
    counts: () => registry.heartbeats.at(-1)?.consumers[0],
    state: () => consumerState(bus.admin(), stream, "sink"),
    async [Symbol.asyncDispose]() {
      await served.stop();
      await registry[Symbol.asyncDispose]();
    },
  };
}

/** Publishes reports with these sequences. */
async function publish(
  sequences: readonly number[],
  subject = "mesh.event.report.standard.default.web",
): Promise<void> {
  for (const sequence of sequences) {
    sent += 1;
    const data = toBinary(ReportSchema, create(ReportSchema, { bootId: "b", sequence: BigInt(sequence) }));
    const headers = cloudEventHeaders({
      id: `b:${sequence}`,
      source: "/mesh/telemetry",
      type: "dev.patchbay.report.v1",
      time: new Date(1_000),
    });
    await bus.publish({ subject, id: `${sent}`, headers, data });
  }
}

test("a handler gets each event, decoded, and returning acknowledges it", async () => {
  const seen: unknown[] = [];
  await using running = await start({
    handler: (report, { id, subject, time, attempt }) =>
      void seen.push([report.id, id, subject, time.getTime(), attempt]),
  });
  await publish([1, 2]);
  await eventually(async () => (await running.state())?.acknowledged === 2);
  const subject = "mesh.event.report.standard.default.web";
  assert.deepEqual(seen, [
    ["b:1", "b:1", subject, 1_000, 1],
    ["b:2", "b:2", subject, 1_000, 1],
  ]);
  await eventually(() => running.counts()?.handled === 2n);
  assert.equal(running.counts()?.received, 2n);
});

test("a throw delivers the event again, retry(after) when the handler says, and the counts tell", async () => {
  const attempts: number[] = [];
  await using running = await start({
    handler(_report, { attempt }) {
      attempts.push(attempt);
      if (attempt < 3) throw retry("10ms", "store away");
    },
  });
  await publish([1]);
  await eventually(() => running.counts()?.handled === 1n);
  assert.deepEqual(attempts, [1, 2, 3]);
  const { received, failed, redelivered, deadLettered } = running.counts() ?? {};
  assert.deepEqual([received, failed, redelivered, deadLettered], [3n, 2n, 2n, 0n]);
  assert.ok(running.served.lines.some(({ message }) => message === "store away"));
});

test("permanent() ends the event with its reason in the server's advisory, and the next one is handled", async () => {
  const reasons: string[] = [];
  const { connect } = await import("@nats-io/transport-node");
  const listener = await connect({ servers: nats.url });
  listener.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>", {
    callback: (_error, message) => void reasons.push(String(message.json<{ reason?: string }>().reason)),
  });
  await listener.flush();
  await using running = await start({
    handler(report) {
      if (report.id === "b:1") throw permanent("no such account");
    },
  });
  await publish([1, 2]);
  await eventually(() => running.counts()?.handled === 1n && running.counts()?.deadLettered === 1n);
  await eventually(() => reasons.includes("no such account"));
  await listener.close();
});

test("the last delivery that fails is a dead letter that says why", async () => {
  await using running = await start({
    handler: () => {
      throw new Error("bad row");
    },
    maxDeliver: 1,
  });
  await publish([1]);
  await eventually(() => running.counts()?.deadLettered === 1n);
  assert.match(
    running.served.lines.find(({ level }) => level === "error")?.message ?? "",
    /failed 1 of 1 deliveries: on\.report threw Error: bad row/,
  );
});

test("a handler that takes longer than the ack wait is not delivered twice", async () => {
  let calls = 0;
  await using running = await start({
    handler: async () => {
      calls += 1;
      await new Promise((done) => setTimeout(done, 3_000));
    },
    ackWaitMs: 2_000,
  });
  await publish([1]);
  await eventually(() => running.counts()?.handled === 1n);
  assert.equal(calls, 1);
});

test("no more handlers run at a time than were granted", async () => {
  let running = 0;
  let most = 0;
  await using setting = await start({
    handler: async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((done) => setTimeout(done, 20));
      running -= 1;
    },
    concurrency: 3,
  });
  await publish(Array.from({ length: 12 }, (_, index) => index));
  await eventually(() => setting.counts()?.handled === 12n);
  assert.equal(most, 3);
});

test("ordered events of one subject never overtake a failing one, and other subjects go on", async () => {
  const order: string[] = [];
  let failures = 0;
  await using running = await start({
    handler(report, { subject }) {
      const label = `${subject.at(-1)}${report.id.slice(2)}`;
      if (label === "a1" && failures < 2) {
        failures += 1;
        throw retry("30ms");
      }
      order.push(label);
    },
    options: { ordered: true },
  });
  await publish([1, 2, 3], "mesh.event.report.standard.default.a");
  await publish([1, 2], "mesh.event.report.standard.default.b");
  await eventually(() => running.counts()?.handled === 5n);
  assert.deepEqual(
    order.filter((label) => label.startsWith("a")),
    ["a1", "a2", "a3"],
  );
  assert.ok(order.indexOf("b2") < order.indexOf("a1"), order.join(" "));
  assert.equal(running.counts()?.redelivered, 0n, "tried in place");
});

test("a handler that fails for everything costs no deliveries: it is not ready until it works again", async () => {
  let broken = true;
  const handled = new Set<string>();
  await using running = await start({
    handler(report) {
      if (broken) throw new Error("database away");
      handled.add(report.id);
    },
    concurrency: 12,
    maxDeliver: 2,
    // Twelve come at once: none is delivered a second time before ten have failed.
    stored: Array.from({ length: 30 }, (_, index) => index),
  });
  await eventually(() =>
    running.registry.announcements.some(({ reason }) =>
      /on\.report fails for everything: .*database away/.test(reason),
    ),
  );
  assert.ok(running.registry.heartbeats.length > 0);
  const full = await eventually(async () => {
    const state = await running.state();
    return state?.inFlight === 12 && state;
  });
  await publish([30]);
  const later = await eventually(async () => {
    const state = await running.state();
    return state?.pending === full.pending + 1 && state;
  });
  assert.equal(later.lastSeq, full.lastSeq, "nothing new is read");
  broken = false;
  // Tried again after at most 30 s, however long it was broken.
  await eventually(() => handled.size === 31, 60_000);
  await eventually(() => running.registry.announcements.at(-1)?.ready);
  assert.equal(running.counts()?.deadLettered, 0n);
});

test("stopping finishes what runs, gives the rest back, and another instance gets it", async () => {
  const done: string[] = [];
  const gate = Promise.withResolvers<void>();
  const running = await start({
    handler: async (report, { signal }) => {
      if (report.id === "b:2") await new Promise((aborted) => signal.addEventListener("abort", aborted));
      else await gate.promise;
      if (!signal.aborted) done.push(report.id);
    },
  });
  await publish([1, 2]);
  await eventually(async () => (await running.state())?.inFlight === 2);
  const stopped = running.served.stop();
  gate.resolve();
  await stopped;
  assert.deepEqual(done, ["b:1"]);
  await eventually(async () => (await running.state())?.acknowledged === 1);
  const again: string[] = [];
  const next = await bus.consume({
    stream,
    consumer: "sink",
    concurrency: 1,
    onMessage(delivery) {
      again.push(delivery.headers.get("ce-id") ?? "");
      delivery.ack();
    },
  });
  await eventually(() => again.length === 1);
  assert.deepEqual(again, ["b:2"]);
  await next.stop();
  await running.registry[Symbol.asyncDispose]();
});

test("events wait while the server is away and arrive when it is back", async () => {
  const seen: string[] = [];
  await using running = await start({ handler: (report) => void seen.push(report.id) });
  await publish([1]);
  await eventually(() => seen.length === 1);
  await nats.kill();
  await eventually(() => running.registry.announcements.at(-1)?.reason.includes("no connection to NATS"));
  await nats.restart();
  await publish([2]);
  await eventually(() => seen.includes("b:2"));
  await eventually(() => running.registry.announcements.at(-1)?.ready);
});

test("other parameters from the registry are taken up while events flow", async () => {
  const seen: string[] = [];
  await using running = await start({ handler: (report) => void seen.push(report.id) });
  await publish([1]);
  await eventually(() => seen.length === 1);
  running.registry.say({ case: "nats", value: { ...running.connection, token: "next", inboxPrefix: "_INBOX_next" } });
  await publish([2]);
  await eventually(() => seen.length === 2);
  running.registry.say({ case: "nats", value: { unavailable: "no accounts at this server" } });
  await eventually(() =>
    running.registry.announcements.some(({ reason }) => reason === "no events: no accounts at this server"),
  );
});
