import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { eventually, startNats } from "@patchbay/testkit";
import { consumerState, ensureConsumer, ensureStream } from "../src/nats/administer.ts";
import { connectEvents } from "../src/nats/connect-events.ts";
import type { BusStatus, Delivery } from "../src/nats/types.ts";

const STREAM = "S";

async function world() {
  const nats = await startNats();
  const bus = await connectEvents({ servers: nats.url, name: "test" });
  await ensureStream(bus.admin(), { name: STREAM, subjects: ["s.>"], maxBytes: 1 << 24, maxAgeMs: 0, discard: "old" });
  await ensureConsumer(bus.admin(), {
    stream: STREAM,
    name: "c",
    concurrency: 64,
    ackWaitMs: 10_000,
    maxDeliver: 5,
    deliver: "all",
  });
  const statuses: BusStatus[] = [];
  bus.onStatus((status) => statuses.push(status));
  return {
    nats,
    bus,
    statuses,
    publish: (id: string) => bus.publish({ subject: "s.a", id, data: Buffer.from(id) }),
    async [Symbol.asyncDispose]() {
      await bus.close();
      await nats.stop();
    },
  };
}

describe("when nats-server is killed with -9 and comes back on the same port", { concurrency: true }, () => {
  test("no acknowledged event is lost, none is stored twice, and no publisher notices", async () => {
    await using it = await world();
    const acknowledged: Promise<{ seq: number }>[] = [];
    let running = true;
    const publisher = (async () => {
      for (let i = 0; running; i++) {
        acknowledged.push(it.publish(`m${i}`));
        if (i % 16 === 0) await delay(1);
        await Promise.all(acknowledged.slice(-400, -399));
      }
    })();
    for (let round = 0; round < 2; round++) {
      await eventually(() => acknowledged.length > 500 * (round + 1));
      await it.nats.kill("SIGKILL");
      await it.nats.restart();
      // Both ends have seen this round before the next one begins.
      await eventually(() => it.statuses.length === 2 * (round + 1));
    }
    await eventually(() => acknowledged.length > 2500);
    running = false;
    await publisher;
    const seqs = (await Promise.all(acknowledged)).map((ack) => ack.seq);
    const { state } = await it.bus.admin().streams.info(STREAM);
    assert.equal(new Set(seqs).size, seqs.length);
    assert.equal(state.messages, seqs.length);
    assert.deepEqual(
      it.statuses.map((status) => status.type),
      ["disconnected", "connected", "disconnected", "connected"],
    );
  });

  test("a reader goes on at once, skips nothing, and its late answers count", async () => {
    await using it = await world();
    const seen: Delivery[] = [];
    const ids = () => seen.map((message) => Buffer.from(message.data).toString());
    await it.bus.consume({ stream: STREAM, consumer: "c", concurrency: 64, onMessage: (m) => seen.push(m) });
    for (const id of ["a", "b", "c"]) await it.publish(id);
    await eventually(() => seen.length === 3);
    seen[0]?.ack();
    // The server writes acknowledgements down a moment later; one that it has not is given again.
    await delay(400);
    await it.nats.kill("SIGKILL");
    await eventually(() => !it.bus.connected());
    // Given while nobody can hear it; signs of life in between must not use up its place.
    for (let index = 0; index < 300; index++) seen[2]?.working();
    seen[1]?.ack();
    await it.nats.restart();
    await it.publish("d");
    await eventually(() => ids().includes("d"));
    for (const message of seen.slice(2)) message.ack();
    await eventually(async () => (await consumerState(it.bus.admin(), STREAM, "c"))?.inFlight === 0);
    // Only the acknowledgement that the server had not yet written down may make an event come again.
    assert.ok(
      ids()
        .filter((id) => id !== "a")
        .join("") === "bcd",
      ids().join(" "),
    );
  });

  test("a replay that was under way reaches its end", async () => {
    await using it = await world();
    const count = 6000;
    await Promise.all(Array.from({ length: count }, (_, i) => it.publish(`m${i}`)));
    const seqs: number[] = [];
    let killed: Promise<void> | undefined;
    const { caughtUp } = await it.bus.replay({
      stream: STREAM,
      since: new Date(0),
      onMessage(message) {
        seqs.push(message.seq);
        if (seqs.length === 100) killed = it.nats.kill("SIGKILL").then(() => it.nats.restart());
      },
    });
    await killed;
    assert.equal(caughtUp, count);
    assert.deepEqual(
      seqs,
      Array.from({ length: count }, (_, i) => i + 1),
    );
  });
});

test("a publication fails with timeout when the server stays away, and the bus still lives when it is back", async () => {
  await using it = await world();
  const patient = await connectEvents({ servers: it.nats.url, name: "short", limits: { deadlineMs: 300 } });
  try {
    await it.nats.kill("SIGKILL");
    await assert.rejects(
      patient.publish({ subject: "s.a", id: "x", data: new Uint8Array() }),
      (error: Error & { code?: string }) => error.code === "timeout",
    );
    await it.nats.restart();
    await eventually(() => patient.connected());
    assert.equal((await patient.publish({ subject: "s.a", id: "x", data: new Uint8Array() })).duplicate, false);
  } finally {
    await patient.close();
  }
});
