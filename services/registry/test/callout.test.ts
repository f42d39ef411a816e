import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { NatsConnection } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { TEST_KEY, testToken, untilPasses } from "@patchbay/testkit";
import { connectEvents, type EventBus, mintToken, reportSubject, STREAMS } from "@patchbay/wire";
import { startNats, type TestNats } from "./support/nats-server.ts";
import { holdPlugin, type TestPlugin } from "./support/plugin.ts";
import { connectRaw, type RawNats } from "./support/raw-nats.ts";
import { startRegistry, type TestRegistry } from "./support/registry.ts";

for (const newAcks of [false, true]) {
  describe(`a plugin's connection to NATS, with ${newAcks ? "new" : "old"} acknowledgements`, () => {
    let server: TestNats;
    let registry: TestRegistry;
    let mine: TestPlugin;
    let other: TestPlugin;
    let raw: RawNats;
    let core: EventBus;
    let connection: NatsConnection;

    before(async () => {
      server = await startNats({ newAcks });
      registry = await startRegistry({ server });
      mine = holdPlugin(registry, { name: "mine" });
      other = holdPlugin(registry, { name: "other" });
      await untilPasses(() => other.connection());
      connection = await untilPasses(() => mine.connection());
      raw = await connectRaw(server.url, connection.token);
      core = await connectEvents({ servers: server.url, name: "test", seed: server.keys.core.seed });
    });
    after(async () => {
      raw?.close();
      await core?.close();
      mine?.lease.close();
      other?.lease.close();
      await registry?.stop();
      await server?.stop();
    });

    const publishOne = (id: string) =>
      core.publish({ subject: reportSubject("default", "web"), id, data: Buffer.from(id) });
    const count = async () => (await core.admin().streams.info(STREAMS.report)).state.messages;

    it("delivers and acknowledges events, with exactly what the registry handed out", async () => {
      const bus = await connectEvents({
        servers: [...connection.servers],
        name: "mine",
        token: () => connection.token,
        inboxPrefix: connection.inboxPrefix,
        apiPrefix: connection.apiPrefix,
      });
      const denied: string[] = [];
      bus.onStatus((status) => status.type === "denied" && denied.push(status.subject));
      const [consumer] = connection.consumers;
      assert.ok(consumer);
      const seen: string[] = [];
      await bus.consume({
        stream: consumer.stream,
        consumer: consumer.name,
        concurrency: consumer.concurrency,
        onMessage(message) {
          seen.push(Buffer.from(message.data).toString());
          message.ack();
        },
      });
      for (let index = 0; index < 20; index++) await publishOne(`event-${index}`);
      await untilPasses(() => assert.equal(seen.length, 20));
      await untilPasses(async () => {
        const info = await core.admin().consumers.info(STREAMS.report, "mine");
        assert.equal(info.num_ack_pending, 0);
      });
      assert.deepEqual(denied, []);
      await bus.close();
    });

    const others = `EVENTS_REPORT.other`;
    const deniedPublishes: readonly string[] = [
      `core.API.CONSUMER.MSG.NEXT.${others}`,
      `core.API.CONSUMER.INFO.${others}`,
      "$JS.API.CONSUMER.MSG.NEXT.EVENTS_REPORT.mine",
      "$JS.API.CONSUMER.CREATE.EVENTS_REPORT.mine",
      "core.API.CONSUMER.CREATE.EVENTS_REPORT.mine",
      "core.API.CONSUMER.DURABLE.CREATE.EVENTS_REPORT.mine",
      "core.API.CONSUMER.DELETE.EVENTS_REPORT.mine",
      "core.API.CONSUMER.PAUSE.EVENTS_REPORT.mine",
      "core.API.CONSUMER.RESET.EVENTS_REPORT.mine",
      "core.API.STREAM.INFO.EVENTS_REPORT",
      "core.API.STREAM.DELETE.EVENTS_REPORT",
      "core.API.STREAM.PURGE.EVENTS_REPORT",
      "core.API.STREAM.MSG.GET.EVENTS_REPORT",
      "core.API.DIRECT.GET.EVENTS_REPORT",
      "core.API.INFO",
      "core.API.CONSUMER.MSG.NEXT.EVENTS_ENDPOINT.mine",
      `$JS.ACK.${others}.1.1.1.1.0`,
      `$JS.ACK.*.*.${others}.1.1.1.1.0`,
      "mesh.event.report.standard.default.web",
      "mesh.event.plugin.mine",
      "mesh.dead.mine.report",
      "mesh.out.other.x",
      "$KV.mesh-registrations.rep.x",
      "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS_REPORT.mine",
      "$SRV.PING",
      "$SYS.REQ.USER.AUTH",
      "_INBOX.anybody",
    ];
    for (const subject of deniedPublishes) {
      it(`may not publish to ${subject}`, async () => assert.equal(await raw.publish(subject), "denied"));
    }

    const deniedSubscriptions: readonly string[] = [
      ">",
      "*",
      "_INBOX.>",
      "_INBOX_*.>",
      "mesh.event.>",
      "mesh.event.report.standard.default.web",
      "mesh.out.mine.>",
      "$JS.ACK.>",
      "$JS.EVENT.>",
      "$SRV.>",
      "$SYS.>",
      "$SYS.REQ.USER.AUTH",
      "core.API.>",
    ];
    for (const subject of deniedSubscriptions) {
      it(`may not subscribe to ${subject}`, async () => assert.equal(await raw.subscribe(subject), "denied"));
    }

    it("may not subscribe to another plugin's inbox", async () => {
      assert.equal(await raw.subscribe(`${other.connection().inboxPrefix}.>`), "denied");
      assert.notEqual(other.connection().inboxPrefix, connection.inboxPrefix);
    });

    it("cannot forge an event through the reply subject of anything that it may publish", async () => {
      const messages = await count();
      const forged = "mesh.event.report.standard.default.web";
      const allowed = [
        "core.API.CONSUMER.INFO.EVENTS_REPORT.mine",
        "core.API.CONSUMER.MSG.NEXT.EVENTS_REPORT.mine",
        "$JS.ACK.EVENTS_REPORT.mine.1.1.1.1.0",
        "$JS.ACK._.x.EVENTS_REPORT.mine.1.1.1.1.0",
        "mesh.out.mine.x",
      ];
      for (const subject of allowed) await raw.publish(subject, { reply: forged, body: "{}" });
      await publishOne(`marker-${newAcks}`);
      assert.equal(await count(), messages + 1);
    });

    it("cannot acknowledge another plugin's events by an acknowledgement in the other form", async () => {
      await untilPasses(async () =>
        assert.ok((await core.admin().consumers.info(STREAMS.report, "other")).num_pending > 0),
      );
      const otherConnection = other.connection();
      const bus = await connectEvents({
        servers: [...otherConnection.servers],
        name: "other",
        token: () => otherConnection.token,
        inboxPrefix: otherConnection.inboxPrefix,
        apiPrefix: otherConnection.apiPrefix,
      });
      let delivered = 0;
      await bus.consume({ stream: STREAMS.report, consumer: "other", concurrency: 4, onMessage: () => delivered++ });
      await untilPasses(() => assert.equal(delivered, 4));
      const inFlight = async () => (await core.admin().consumers.info(STREAMS.report, "other")).num_ack_pending;
      const before = await inFlight();
      for (const seq of [1, 2, 3, 4]) {
        // Allowed by the pattern for new acknowledgements, but old ones of another consumer by their first tokens.
        await raw.publish(`$JS.ACK.EVENTS_REPORT.other.EVENTS_REPORT.mine.1.${seq}.${seq}.1.0`, { body: "+ACK" });
        await raw.publish(`$JS.ACK.EVENTS_REPORT.other.EVENTS_REPORT.mine.${seq}.1.0`, { body: "+ACK" });
      }
      assert.equal(await inFlight(), before);
      await bus.close();
    });
  });
}

describe("the auth callout refuses", () => {
  let server: TestNats;
  let registry: TestRegistry;
  before(async () => {
    server = await startNats();
    registry = await startRegistry({ server });
  });
  after(async () => {
    await registry?.stop();
    await server?.stop();
  });

  const refused = (given: string | undefined) =>
    assert.rejects(connectRaw(server.url, given), /Authorization Violation/);

  it("a connection without a token", async () => {
    const plugin = holdPlugin(registry);
    await untilPasses(() => plugin.connection());
    await refused(undefined);
    plugin.lease.close();
  });

  it("a token that another key signed", async () => {
    const claims = {
      kind: "plugin",
      namespace: "default",
      name: "hosts",
      instance: "one",
      expiresAt: Date.now() + 60_000,
    } as const;
    await refused(mintToken(new Uint8Array(32), claims));
  });

  it("a token that has expired", async () => {
    const claims = {
      kind: "plugin",
      namespace: "default",
      name: "hosts",
      instance: "one",
      expiresAt: Date.now() - 1,
    } as const;
    await refused(mintToken(TEST_KEY, claims));
  });

  it("a proxy, an operator and even a core service: they have no business among plugins", async () => {
    for (const kind of ["proxy", "operator", "core"] as const) await refused(testToken({ kind, name: "hosts" }));
  });

  it("a plugin that is not registered", () => refused(testToken({ kind: "plugin", name: "stranger" })));

  it("a plugin without events, and tells it why", async () => {
    const plugin = holdPlugin(registry, { name: "quiet", manifest: {} });
    await plugin.lease.accepted();
    assert.equal(plugin.accepted[0]?.nats, undefined);
    await refused(testToken({ kind: "plugin", name: "quiet" }));
    await untilPasses(() =>
      assert.match(plugin.notices.at(-1)?.reason ?? "", /refused: plugin "quiet" is granted no event class/),
    );
    plugin.lease.close();
  });

  it("a plugin whose registration has ended", async () => {
    const plugin = holdPlugin(registry, { name: "leaving" });
    const { token: own } = await untilPasses(() => plugin.connection());
    (await connectRaw(server.url, own)).close();
    await plugin.lease.drain("done");
    plugin.lease.close();
    await untilPasses(() => refused(own));
  });
});

describe("credentials for events", () => {
  it("are renewed before they end, for the same inbox", async () => {
    const server = await startNats();
    const registry = await startRegistry({ server, natsTokenLifeMs: 2_000 });
    const plugin = holdPlugin(registry);
    await untilPasses(() => assert.ok(plugin.nats.filter((one) => one.unavailable === "").length >= 2));
    const tokens = new Set(plugin.nats.filter((one) => one.token !== "").map((one) => one.token));
    assert.ok(tokens.size >= 2);
    assert.equal(new Set(plugin.nats.filter((one) => one.token !== "").map((one) => one.inboxPrefix)).size, 1);
    plugin.lease.close();
    await registry.stop();
    await server.stop();
  });

  it("are said to be unavailable, with the reason, when the registry runs without NATS", async () => {
    const registry = await startRegistry();
    const plugin = holdPlugin(registry);
    const { nats } = await plugin.lease.accepted();
    assert.match(nats?.unavailable ?? "", /MESH_NATS_URL/);
    plugin.lease.close();
    await registry.stop();
  });

  it("survive a restart of the server: streams and consumers are there again", async () => {
    const server = await startNats();
    const registry = await startRegistry({ server });
    const plugin = holdPlugin(registry);
    const connection = await untilPasses(() => plugin.connection());
    const issued = plugin.nats.length;
    await server.restart();
    await untilPasses(() => assert.ok(plugin.nats.length > issued));
    const raw = await untilPasses(() => connectRaw(server.url, connection.token));
    assert.equal(await raw.publish("core.API.CONSUMER.INFO.EVENTS_REPORT.hosts"), "allowed");
    raw.close();
    plugin.lease.close();
    await registry.stop();
    await server.stop();
  });
});
