import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { type DeadLetter, DeadLetterSchema } from "@patchbay/proto/mesh/event/v1/event_pb";
import { untilPasses } from "@patchbay/testkit";
import { connectEvents, type Delivery, type EventBus, reportSubject, STREAMS } from "@patchbay/wire";
import { startNats, type TestNats } from "./support/nats-server.ts";
import { holdPlugin, type TestPlugin } from "./support/plugin.ts";
import { startRegistry, type TestRegistry } from "./support/registry.ts";

describe("dead letters", () => {
  let server: TestNats;
  let registry: TestRegistry;
  let plugin: TestPlugin;
  let core: EventBus;
  let bus: EventBus;
  let handle: (delivery: Delivery) => void = (delivery) => delivery.ack();

  before(async () => {
    server = await startNats();
    registry = await startRegistry({ server });
    plugin = holdPlugin(registry, { name: "sink" });
    const connection = await untilPasses(() => plugin.connection());
    core = await connectEvents({ servers: server.url, name: "test", seed: server.keys.core.seed });
    const { token, inboxPrefix, apiPrefix } = connection;
    bus = await connectEvents({ servers: server.url, name: "sink", token: () => token, inboxPrefix, apiPrefix });
    await bus.consume({
      stream: STREAMS.report,
      consumer: "sink",
      concurrency: 4,
      onMessage: (delivery) => handle(delivery),
    });
  });
  after(async () => {
    await bus?.close();
    await core?.close();
    plugin?.lease.close();
    await registry?.stop();
    await server?.stop();
  });

  async function letters(): Promise<DeadLetter[]> {
    const found: DeadLetter[] = [];
    await core.replay({
      stream: STREAMS.deadLetters,
      since: new Date(0),
      onMessage: ({ data }) => found.push(fromBinary(DeadLetterSchema, data)),
    });
    return found;
  }

  const publish = (id: string) =>
    core.publish({ subject: reportSubject("default", "web"), id, headers: { "ce-id": id }, data: Buffer.from(id) });

  it("come of an event whose five deliveries all failed, once, with the event itself", async () => {
    let deliveries = 0;
    handle = (delivery) => {
      deliveries += 1;
      delivery.retry(10);
    };
    await publish("poison");
    const [letter] = await untilPasses(async () => {
      const all = await letters();
      assert.equal(all.length, 1);
      return all;
    });
    assert.equal(deliveries, 5);
    assert.equal(letter?.stream, STREAMS.report);
    assert.equal(letter?.consumer, "sink");
    assert.equal(letter?.deliveries, 5);
    assert.equal(letter?.reason, "5 deliveries failed");
    assert.equal(Buffer.from(letter?.data ?? []).toString(), "poison");
    assert.equal(letter?.subject, "mesh.event.report.standard.default.web");
  });

  it("come of a permanent error at once, with the reason that the plugin gave", async () => {
    handle = (delivery) => delivery.term("the label is not one of ours");
    await publish("hopeless");
    const letter = await untilPasses(async () => {
      const found = (await letters()).find(({ reason }) => reason.startsWith("permanent"));
      assert.ok(found);
      return found;
    });
    assert.equal(letter.reason, "permanent: the label is not one of ours");
    assert.equal(Buffer.from(letter.data).toString(), "hopeless");
  });

  it("are counted for their plugin, next to what it has handled and what waits for it", async () => {
    handle = (delivery) => delivery.ack();
    await publish("fine");
    const list = registry.client({ kind: "operator", name: "me" });
    await untilPasses(async () => {
      const { registrations } = await list.list({});
      const [backlog] = registrations.find(({ announce }) => announce?.name === "sink")?.backlog ?? [];
      assert.equal(backlog?.deadLettered, 2n);
      assert.equal(backlog?.pending, 0n);
    });
  });
});
