import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createRecordingLog, eventually, startNats, type TestNats } from "@patchbay/testkit";
import {
  type ConsumerSpec,
  consumerState,
  ensureConsumer,
  ensureStream,
  pauseConsumer,
  resumeConsumer,
} from "../src/nats/administer.ts";
import { type ConnectEventsOptions, connectEvents } from "../src/nats/connect-events.ts";
import { EventBusError, type EventBusErrorCode } from "../src/nats/event-bus-error.ts";
import type { Delivery, EventBus } from "../src/nats/types.ts";

const data = (text: string) => Buffer.from(text);
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function failsWith(code: EventBusErrorCode, pattern = /./) {
  return (error: unknown) => error instanceof EventBusError && error.code === code && pattern.test(error.message);
}

let nats: TestNats;
const buses: EventBus[] = [];
before(async () => {
  nats = await startNats();
});
after(async () => {
  await Promise.all(buses.map((bus) => bus.close()));
  await nats.stop();
});

async function connect(options: Partial<ConnectEventsOptions> = {}): Promise<EventBus> {
  const bus = await connectEvents({ servers: nats.url, name: "test", ...options });
  buses.push(bus);
  return bus;
}

let streams = 0;
/** A stream and a bus of its own for each test. */
async function world(options: Partial<ConnectEventsOptions> = {}, limits = {}) {
  const name = `S${++streams}`;
  const bus = await connect(options);
  const spec = { name, subjects: [`${name}.>`], maxBytes: 1 << 20, maxAgeMs: 60_000, discard: "old" as const };
  await ensureStream(bus.admin(), { ...spec, ...limits });
  const publish = (id: string, subject = "a") => bus.publish({ subject: `${name}.${subject}`, id, data: data(id) });
  const consumer: ConsumerSpec = {
    stream: name,
    name: "c",
    concurrency: 4,
    ackWaitMs: 5000,
    maxDeliver: 3,
    deliver: "all",
  };
  return { bus, name, publish, consumer, admin: bus.admin() };
}

async function collect(bus: EventBus, stream: string, onMessage: (m: Delivery) => void = (m) => m.ack()) {
  const seen: Delivery[] = [];
  const problems: (string | undefined)[] = [];
  const { stop } = await bus.consume({
    stream,
    consumer: "c",
    concurrency: 4,
    onMessage(message) {
      seen.push(message);
      onMessage(message);
    },
    onProblem: (problem) => problems.push(problem),
  });
  return { seen, problems, stop, ids: () => seen.map((m) => text(m.data)) };
}

describe("publishing", { concurrency: true }, () => {
  test("resolves with the place in the stream, and recognises an id that it has", async () => {
    const { publish } = await world();
    assert.deepEqual(await publish("one"), { seq: 1, duplicate: false });
    assert.deepEqual(await publish("two"), { seq: 2, duplicate: false });
    assert.deepEqual(await publish("one"), { seq: 1, duplicate: true });
  });

  test("carries headers and data as they are", async () => {
    const { bus, name, consumer, admin } = await world();
    await ensureConsumer(admin, consumer);
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await bus.publish({
      subject: `${name}.x`,
      id: "1",
      headers: { "ce-id": "a b", "Content-Type": "x/y" },
      data: bytes,
    });
    const { seen } = await collect(bus, name);
    const [message] = await eventually(() => seen.length > 0 && seen);
    assert.deepEqual(Buffer.from(message?.data ?? []), Buffer.from(bytes));
    assert.equal(message?.headers.get("ce-id"), "a b");
    assert.equal(message?.headers.get("Nats-Msg-Id"), "1");
    assert.equal(message?.subject, `${name}.x`);
    assert.equal(message?.seq, 1);
    assert.ok(Math.abs((message?.time ?? 0) - Date.now()) < 60_000);
  });

  test("keeps order and loses nothing when far more is in flight than the window holds", async () => {
    const { publish } = await world();
    const acks = await Promise.all(Array.from({ length: 5000 }, (_, i) => publish(`m${i}`)));
    assert.deepEqual(
      acks.map((ack) => ack.seq),
      Array.from({ length: 5000 }, (_, i) => i + 1),
    );
  });

  test("says full when too many events or bytes wait", async () => {
    const { publish } = await world({ limits: { window: 1, waiting: 2 } });
    const outcomes = await Promise.allSettled(["a", "b", "c", "d"].map((id) => publish(id)));
    assert.deepEqual(
      outcomes.map((o) => o.status),
      ["fulfilled", "fulfilled", "fulfilled", "rejected"],
    );
    const { bus, name } = await world({ limits: { bytes: 10 } });
    const big = bus.publish({ subject: `${name}.a`, id: "big", data: new Uint8Array(11) });
    await assert.rejects(big, failsWith("full", /slow down/));
    assert.equal((await bus.publish({ subject: `${name}.a`, id: "ok", data: new Uint8Array(10) })).seq, 1);
  });

  test("says why when the stream refuses: no space, too large, nobody takes it, not a header", async () => {
    const { publish, bus, name } = await world(
      { limits: { deadlineMs: 2_000 } },
      { discard: "new", maxBytes: 300, maxEventBytes: 100 },
    );
    await publish("one");
    await assert.rejects(
      Promise.all(Array.from({ length: 20 }, (_, i) => publish(`more${i}`))),
      failsWith("stream", /maximum bytes exceeded/),
    );
    const large = bus.publish({ subject: `${name}.a`, id: "l", data: new Uint8Array(200) });
    await assert.rejects(large, failsWith("stream", /message size exceeds/));
    const huge = bus.publish({ subject: `${name}.a`, id: "h", data: new Uint8Array(bus.maxPayload() + 1) });
    await assert.rejects(huge, failsWith("stream", /max_payload/));
    await assert.rejects(
      bus.publish({ subject: "nobody.here", id: "n", data: data("") }),
      failsWith("stream", /no stream/),
    );
    const odd = bus.publish({ subject: `${name}.a`, id: "o", headers: { a: "b\r\nc: d" }, data: data("") });
    await assert.rejects(odd, failsWith("stream", /headers are not valid/));
    const nowhere = bus.publish({ subject: "has space", id: "s", data: data("") });
    await assert.rejects(nowhere, failsWith("stream", /cannot publish/));
  });

  test("is refused after close, and what is pending is rejected", async () => {
    const { bus, publish } = await world({ limits: { window: 1 } });
    const pending = [publish("a"), publish("b")];
    const outcomes = Promise.allSettled(pending);
    await bus.close();
    for (const outcome of await outcomes)
      if (outcome.status === "rejected") assert.ok(failsWith("closed")(outcome.reason));
    await assert.rejects(publish("c"), failsWith("closed"));
    assert.equal(bus.connected(), false);
  });
});

describe("consuming", { concurrency: true }, () => {
  test("delivers what is published, and remembers what was acknowledged", async () => {
    const { bus, name, consumer, admin, publish } = await world();
    await ensureConsumer(admin, consumer);
    const first = await collect(bus, name);
    for (let i = 0; i < 20; i++) await publish(`m${i}`);
    await eventually(() => first.seen.length === 20);
    await eventually(async () => (await consumerState(admin, name, "c"))?.acknowledged === 20);
    await first.stop();
    await publish("late");
    const second = await collect(bus, name);
    await eventually(() => second.seen.length === 1);
    assert.deepEqual(second.ids(), ["late"]);
  });

  test("has no more in flight than the consumer allows", async () => {
    const { bus, name, consumer, admin, publish } = await world();
    await ensureConsumer(admin, consumer);
    for (let i = 0; i < 20; i++) await publish(`m${i}`);
    const held = await collect(bus, name, () => undefined);
    await eventually(() => held.seen.length === 4);
    // The server's own count: it has sent four, and holds back the rest.
    const state = await consumerState(admin, name, "c");
    assert.equal(state?.inFlight, 4);
    assert.equal(state?.pending, 16);
    assert.equal(held.seen.length, 4);
    held.seen[0]?.ack();
    await eventually(() => held.seen.length === 5);
  });

  test("delivers again after retry, and never again after term", async () => {
    const { bus, name, consumer, admin, publish } = await world();
    await ensureConsumer(admin, consumer);
    await publish("again");
    await publish("never");
    const { seen } = await collect(bus, name, (message) => {
      if (text(message.data) === "never") message.term("cannot\r\nbe parsed");
      else if (message.deliveries < 3) message.retry(0);
      else message.ack();
    });
    await eventually(async () => (await consumerState(admin, name, "c"))?.inFlight === 0 && seen.length >= 4);
    assert.deepEqual(seen.map((m) => `${text(m.data)} ${m.deliveries}`).sort(), [
      "again 1",
      "again 2",
      "again 3",
      "never 1",
    ]);
  });

  test("takes only the first answer, and working() keeps an event from coming again", async () => {
    const { bus, name, consumer, admin, publish } = await world();
    await ensureConsumer(admin, { ...consumer, ackWaitMs: 2_000 });
    await publish("slow");
    const { seen } = await collect(bus, name, () => undefined);
    const [message] = await eventually(() => seen.length > 0 && seen);
    // Longer than the ack wait, with signs of life that leave a busy machine time.
    for (let i = 0; i < 10; i++) {
      await delay(250);
      message?.working();
    }
    message?.ack();
    message?.retry(0);
    message?.working();
    // What was asked to come again would come before it.
    await publish("marker");
    await eventually(() => seen.length > 1);
    assert.deepEqual(
      seen.map((each) => text(each.data)),
      ["slow", "marker"],
    );
  });

  test("delivers again what a throwing handler had, and goes on", async () => {
    const log = createRecordingLog();
    const { bus, name, consumer, admin, publish } = await world({ log });
    await ensureConsumer(admin, consumer);
    const { ids } = await collect(bus, name, (message) => {
      if (text(message.data) === "bad" && message.deliveries === 1) throw new Error("oh no");
      message.ack();
    });
    await publish("bad");
    await publish("good");
    await eventually(() => ids().length === 3);
    assert.deepEqual(ids(), ["bad", "good", "bad"]);
    assert.ok(log.records.some((record) => JSON.stringify(record.fields).includes("oh no")));
  });

  test("says that the consumer is missing, and reads when it appears", async () => {
    const { bus, name, consumer, admin, publish } = await world();
    const { problems, seen } = await collect(bus, name);
    await eventually(() => problems.length === 1);
    assert.match(problems[0] ?? "", /consumer not found/);
    await ensureConsumer(admin, consumer);
    await publish("x");
    await eventually(() => seen.length === 1);
    assert.deepEqual(problems.slice(1), [undefined]);
  });

  test("says that the consumer was deleted, and reads when it is back", async () => {
    const { bus, name, consumer, admin, publish } = await world();
    await ensureConsumer(admin, consumer);
    const { problems, ids } = await collect(bus, name);
    await publish("before");
    await eventually(() => ids().length === 1);
    await admin.consumers.delete(name, "c");
    await eventually(() => problems.some((problem) => problem?.includes("deleted")));
    await ensureConsumer(admin, { ...consumer, deliver: "new" });
    await eventually(() => problems.at(-1) === undefined);
    await publish("after");
    await eventually(() => ids().includes("after"));
  });

  test("stops and goes on when the consumer is paused and resumed", async () => {
    const { bus, name, consumer, admin, publish } = await world();
    await ensureConsumer(admin, consumer);
    await pauseConsumer(admin, { stream: name, name: "c", until: new Date(Date.now() + 60_000) });
    const { seen } = await collect(bus, name);
    await publish("x");
    // The server's own count: it has one to deliver, and has not.
    const state = await eventually(async () => {
      const now = await consumerState(admin, name, "c");
      return now?.pending === 1 && now;
    });
    assert.deepEqual([state.paused, state.delivered, seen.length], [true, 0, 0]);
    await resumeConsumer(admin, name, "c");
    await publish("y");
    await eventually(() => seen.length === 2);
  });

  test("leaves an existing consumer where it stands when it is ensured again", async () => {
    const { bus, name, consumer, admin, publish } = await world();
    await ensureConsumer(admin, consumer);
    await publish("x");
    const { seen, stop } = await collect(bus, name);
    await eventually(() => seen.length === 1);
    await stop();
    await ensureConsumer(admin, { ...consumer, concurrency: 9 });
    assert.equal((await admin.consumers.info(name, "c")).config.max_ack_pending, 9);
    assert.equal((await consumerState(admin, name, "c"))?.delivered, 1);
    assert.equal(await consumerState(admin, name, "nobody"), undefined);
  });
});

describe("replaying", { concurrency: true }, () => {
  test("passes everything since a time, in order, and ends at what was last", async () => {
    const { bus, name, publish } = await world();
    for (let i = 0; i < 5; i++) await publish(`old${i}`);
    await delay(20);
    const since = new Date();
    await Promise.all(Array.from({ length: 2500 }, (_, i) => publish(`new${i}`)));
    const seen: string[] = [];
    let more = 0;
    const result = await bus.replay({
      stream: name,
      since,
      onMessage(message) {
        seen.push(text(message.data));
        // What is published meanwhile is not part of it.
        if (more++ < 50) void publish(`meanwhile${more}`);
      },
    });
    assert.equal(result.caughtUp, 2505);
    assert.deepEqual(
      seen,
      Array.from({ length: 2500 }, (_, i) => `new${i}`),
    );
  });

  test("passes nothing of an empty stream, or when all is older", async () => {
    const { bus, name, publish } = await world();
    const onMessage = () => assert.fail("nothing to pass");
    assert.deepEqual(await bus.replay({ stream: name, since: new Date(0), onMessage }), { caughtUp: 0 });
    await publish("x");
    assert.deepEqual(await bus.replay({ stream: name, since: new Date(Date.now() + 9999), onMessage }), {
      caughtUp: 1,
    });
  });

  test("passes only the subjects that are asked for", async () => {
    const { bus, name, publish } = await world();
    for (const subject of ["a", "b", "a", "c"]) await publish(`${subject}${Math.random()}`, subject);
    const seen: string[] = [];
    const subjects = [`${name}.a`, `${name}.c`];
    await bus.replay({ stream: name, since: new Date(0), subjects, onMessage: (m) => seen.push(m.subject) });
    assert.deepEqual(seen, [`${name}.a`, `${name}.a`, `${name}.c`]);
    const none = { stream: name, since: new Date(0), subjects: [`${name}.zzz`], onMessage: () => assert.fail() };
    assert.deepEqual(await bus.replay(none), { caughtUp: 4 });
  });

  test("rejects when the stream does not exist, when a handler throws, and when it is stopped", async () => {
    const { bus, name, publish } = await world();
    await publish("x");
    const options = { stream: name, since: new Date(0), onMessage: () => undefined };
    await assert.rejects(bus.replay({ ...options, stream: "NONE" }), failsWith("stream", /cannot replay NONE/));
    const boom = () => {
      throw new Error("boom");
    };
    await assert.rejects(bus.replay({ ...options, onMessage: boom }), failsWith("stream", /boom/));
    await assert.rejects(bus.replay({ ...options, signal: AbortSignal.abort() }), failsWith("closed"));
  });
});

describe("requests", () => {
  test("are answered, each on its own, and one of a queue takes each", async () => {
    const bus = await connect();
    const taken = { 0: 0, 1: 0 };
    const others = Promise.withResolvers<void>();
    const answer = (who: 0 | 1) => async (request: { data: Uint8Array }) => {
      taken[who]++;
      if (text(request.data) === "slow") await others.promise;
      return data(`re: ${text(request.data)}`);
    };
    const subscriptions = [
      bus.subscribeRequests("ask.me", "q", answer(0)),
      bus.subscribeRequests("ask.me", "q", answer(1)),
    ];
    const asked = ["slow", ...Array.from({ length: 20 }, (_, i) => `n${i}`)];
    const [slow, ...rest] = asked.map((question) => bus.request("ask.me", data(question)));
    const quick = await Promise.all(rest);
    others.resolve();
    const answers = [await slow, ...quick].map((answer) => answer ?? data("none"));
    assert.deepEqual(
      answers.map(text),
      asked.map((question) => `re: ${question}`),
    );
    assert.equal(taken[0] + taken[1], asked.length);
    for (const subscription of subscriptions) subscription.stop();
    await assert.rejects(bus.request("ask.me", data("x")), failsWith("stream"));
  });

  test("that the handler fails are left unanswered", async () => {
    const bus = await connect();
    bus.subscribeRequests("fail.me", undefined, () => Promise.reject(new Error("no")));
    await assert.rejects(bus.request("fail.me", data("x"), 100), failsWith("timeout"));
  });
});

describe("connecting", () => {
  test("waits for a server until it is told to stop", async () => {
    const controller = new AbortController();
    const log = createRecordingLog();
    const waiting = connectEvents({ servers: "nats://127.0.0.1:1", name: "x", log, signal: controller.signal });
    await eventually(() => log.records.some((record) => record.level === "warn"));
    controller.abort();
    await assert.rejects(waiting, failsWith("closed", /stopped waiting for NATS: /));
  });
});
