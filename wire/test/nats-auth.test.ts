import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { jetstream } from "@nats-io/jetstream";
import type { NatsConnection, Status } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { eventually, startNats } from "@patchbay/testkit";
import { ensureConsumer, ensureStream } from "../src/nats/administer.ts";
import { type ConnectEventsOptions, connectEvents } from "../src/nats/connect-events.ts";
import { requestKick } from "../src/nats/requests.ts";
import type { BusStatus, Delivery, EventBus } from "../src/nats/types.ts";
import { decodeAuthorizationRequest, encodeAuthorizationResponse, encodeUserJwt } from "../src/nats-jwt.ts";
import { createSeed, readSeed } from "../src/nkeys.ts";

const service = createSeed("user");
const core = createSeed("user");
const system = createSeed("user");
const issuer = createSeed("account");

// The accounts of a mesh: plugins see of the core's JetStream only what reads and acknowledges.
const CONFIG = `
jetstream: enabled
accounts {
  AUTH { users: [ {nkey: ${service.publicKey}} ] }
  SYS { users: [ {nkey: ${system.publicKey}} ] }
  CORE {
    jetstream: enabled
    users: [ {nkey: ${core.publicKey}} ]
    exports: [
      {service: "$JS.API.CONSUMER.INFO.*.*", accounts: [PLUGINS]}
      {service: "$JS.API.CONSUMER.MSG.NEXT.*.*", response_type: stream, accounts: [PLUGINS]}
      {service: "$JS.ACK.>", accounts: [PLUGINS]}
      {service: "mesh.out.*.>", accounts: [PLUGINS]}
    ]
  }
  PLUGINS {
    imports: [
      {service: {account: CORE, subject: "$JS.API.CONSUMER.INFO.*.*"}, to: "core.API.CONSUMER.INFO.*.*"}
      {service: {account: CORE, subject: "$JS.API.CONSUMER.MSG.NEXT.*.*"}, to: "core.API.CONSUMER.MSG.NEXT.*.*"}
      {service: {account: CORE, subject: "$JS.ACK.>"}}
      {service: {account: CORE, subject: "mesh.out.*.>"}}
    ]
  }
}
system_account: SYS
authorization {
  timeout: 5
  auth_callout { issuer: ${issuer.publicKey}, account: AUTH, auth_users: [${service.publicKey}, ${core.publicKey}, ${system.publicKey}] }
}
`;

interface Callout {
  /** Tokens and the plugins that they prove. */
  tokens: Map<string, string>;
  lifetimeS: number;
  connections: { serverId: string; clientId: number; plugin: string }[];
}

function answer(bus: EventBus, callout: Callout) {
  const key = readSeed(issuer.seed);
  bus.subscribeRequests("$SYS.REQ.USER.AUTH", "registry", async ({ data }) => {
    const request = decodeAuthorizationRequest(data);
    const plugin = callout.tokens.get(request.token);
    if (plugin === undefined) return Buffer.from(encodeAuthorizationResponse(key, request, { error: "unknown token" }));
    callout.connections.push({ serverId: request.serverId, clientId: request.clientId, plugin });
    const jwt = encodeUserJwt(key, {
      user: request.user,
      name: plugin,
      account: "PLUGINS",
      expires: Math.floor(Date.now() / 1000) + callout.lifetimeS,
      permissions: permissionsOf(plugin),
    });
    return Buffer.from(encodeAuthorizationResponse(key, request, { jwt }));
  });
}

function permissionsOf(plugin: string) {
  return {
    publish: [
      `core.API.CONSUMER.INFO.EVENTS.${plugin}`,
      `core.API.CONSUMER.MSG.NEXT.EVENTS.${plugin}`,
      `$JS.ACK.EVENTS.${plugin}.>`,
      `$JS.ACK.*.*.EVENTS.${plugin}.>`,
      `mesh.out.${plugin}.>`,
    ],
    subscribe: [`_INBOX_${plugin}.>`],
  };
}

async function world(extra = "") {
  const nats = await startNats(CONFIG + extra);
  const stack = new AsyncDisposableStack();
  stack.defer(() => nats.stop());
  const open = async (options: Partial<ConnectEventsOptions>) => {
    const bus = await connectEvents({ servers: nats.url, name: "test", ...options });
    stack.defer(() => bus.close());
    return bus;
  };
  const coreBus = await open({ seed: core.seed });
  const authBus = await open({ seed: service.seed });
  const callout: Callout = {
    tokens: new Map([
      ["ta", "a"],
      ["tb", "b"],
    ]),
    lifetimeS: 60,
    connections: [],
  };
  answer(authBus, callout);
  const stream = {
    name: "EVENTS",
    subjects: ["mesh.event.>"],
    maxBytes: 1 << 20,
    maxAgeMs: 0,
    discard: "old" as const,
  };
  await ensureStream(coreBus.admin(), stream);
  for (const name of ["a", "b"]) {
    const consumer = {
      stream: "EVENTS",
      name,
      concurrency: 8,
      ackWaitMs: 5_000,
      maxDeliver: -1,
      deliver: "all" as const,
    };
    await ensureConsumer(coreBus.admin(), consumer);
  }
  const asPlugin = (plugin: string, options: Partial<ConnectEventsOptions> = {}) =>
    open({
      name: plugin,
      token: () => `t${plugin}`,
      inboxPrefix: `_INBOX_${plugin}`,
      apiPrefix: "core.API",
      ...options,
    });
  const publish = (id: string) => coreBus.publish({ subject: "mesh.event.x", id, data: Buffer.from(id) });
  return {
    nats,
    open,
    coreBus,
    authBus,
    callout,
    asPlugin,
    publish,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function collect(bus: EventBus, consumer: string) {
  const seen: Delivery[] = [];
  const problems: (string | undefined)[] = [];
  await bus.consume({
    stream: "EVENTS",
    consumer,
    concurrency: 8,
    onMessage(message) {
      seen.push(message);
      message.ack();
    },
    onProblem: (problem) => problems.push(problem),
  });
  return { ids: () => seen.map((m) => Buffer.from(m.data).toString()), problems };
}

for (const [form, extra] of [
  ["", ""],
  [" (second form of acknowledgements)", "feature_flags { js_ack_fc_v2: true }"],
] as const) {
  test(`a plugin reads and acknowledges its own events, each once${form}`, async () => {
    await using it = await world(extra);
    const plugin = await it.asPlugin("a");
    const { ids } = await collect(plugin, "a");
    const sent = Array.from({ length: 100 }, (_, i) => `m${i}`);
    await Promise.all(sent.map(it.publish));
    await eventually(() => ids().length === 100);
    // As many deliveries as events, and none that is not acknowledged: none came again, and none can.
    const info = await eventually(async () => {
      const now = await it.coreBus.admin().consumers.info("EVENTS", "a");
      return now.num_ack_pending === 0 && now;
    });
    assert.equal(info.delivered.consumer_seq, 100);
    assert.deepEqual(ids(), sent);
  });
}

describe("the auth callout", { concurrency: true }, () => {
  test("refuses an unknown token; the plugin waits and connects when it is known", async () => {
    await using it = await world();
    const connecting = it.asPlugin("c");
    let connected = false;
    void connecting.then(() => (connected = true));
    await eventually(async () => /unknown token/.test(await it.nats.log()));
    assert.equal(connected, false);
    it.callout.tokens.set("tc", "c");
    assert.ok((await connecting).connected());
  });

  test("may be away: whoever has a seed connects all the same", async () => {
    await using it = await world();
    await it.authBus.close();
    const bus = await it.open({ seed: core.seed });
    assert.equal((await bus.publish({ subject: "mesh.event.x", id: "1", data: new Uint8Array() })).seq, 1);
  });

  test("is asked again when the credentials end, and reading goes on without a gap", async () => {
    await using it = await world();
    it.callout.lifetimeS = 1;
    const plugin = await it.asPlugin("a");
    const { ids } = await collect(plugin, "a");
    const sent: string[] = [];
    await eventually(async () => {
      sent.push(`m${sent.length}`);
      await it.publish(sent.at(-1) ?? "");
      return it.callout.connections.length >= 3;
    }, 9000);
    // On a busy machine credentials of one second are over before much is read: what was missed is read with longer ones.
    it.callout.lifetimeS = 60;
    await eventually(() => new Set(ids()).size === sent.length);
    assert.deepEqual(new Set(ids()), new Set(sent));
  });

  test("is asked again after a kick, so that a plugin can be put out", async () => {
    await using it = await world();
    const plugin = await it.asPlugin("a");
    const statuses: BusStatus[] = [];
    plugin.onStatus((status) => statuses.push(status));
    const sys = await it.open({ seed: system.seed });
    it.callout.tokens.delete("ta");
    const [connection] = it.callout.connections;
    assert.ok(connection);
    await requestKick(sys, connection);
    await eventually(() => !plugin.connected());
    await eventually(async () => /unknown token/.test(await it.nats.log()));
    assert.ok(!plugin.connected());
    it.callout.tokens.set("ta", "a");
    await eventually(() => plugin.connected());
    assert.equal(statuses[0]?.type, "disconnected");
    assert.equal(statuses.at(-1)?.type, "connected");
  });
});

test("a plugin that may not read a consumer hears it, and the bus says what was denied", async () => {
  await using it = await world();
  const plugin = await it.asPlugin("a");
  const statuses: BusStatus[] = [];
  plugin.onStatus((status) => statuses.push(status));
  const { problems } = await collect(plugin, "b");
  await eventually(() => problems.length > 0);
  assert.ok(statuses.some((s) => s.type === "denied" && s.operation === "publish" && s.subject.endsWith("EVENTS.b")));
});

test("a publication that is not allowed is rejected at once", async () => {
  await using it = await world();
  const plugin = await it.asPlugin("a");
  await assert.rejects(
    plugin.publish({ subject: "mesh.event.forged", id: "1", data: new Uint8Array() }),
    (error: Error & { code?: string }) => error.code === "denied" && /mesh\.event\.forged/.test(error.message),
  );
});

describe("a hostile plugin", { concurrency: true }, () => {
  async function hostile() {
    const it = await world();
    const nc = await connect({
      servers: it.nats.url,
      token: "ta",
      inboxPrefix: "_INBOX_a",
      timeout: 5000,
      ignoreAuthErrorAbort: true,
    });
    return {
      ...it,
      nc,
      async [Symbol.asyncDispose]() {
        await nc.close();
        await it[Symbol.asyncDispose]();
      },
    };
  }

  async function violations(nc: NatsConnection, act: () => void): Promise<string[]> {
    const seen: string[] = [];
    const statuses = nc.status();
    void (async () => {
      for await (const status of statuses) if (status.type === "error") seen.push(messageOf(status));
    })();
    act();
    await nc.flush();
    // The server tells a violation before it answers the flush; the client passes it on a little later.
    await eventually(() => seen.length > 0);
    return seen;
  }

  const messageOf = (status: Status) => (status.type === "error" ? status.error.message : "");

  const FORBIDDEN = [
    "mesh.event.x",
    "mesh.out.b.x",
    "core.API.CONSUMER.MSG.NEXT.EVENTS.b",
    "core.API.CONSUMER.INFO.EVENTS.b",
    "core.API.CONSUMER.CREATE.EVENTS.a",
    "core.API.CONSUMER.DURABLE.CREATE.EVENTS.a",
    "core.API.CONSUMER.DELETE.EVENTS.a",
    "core.API.CONSUMER.PAUSE.EVENTS.a",
    "core.API.CONSUMER.RESET.EVENTS.a",
    "core.API.STREAM.DELETE.EVENTS",
    "core.API.STREAM.PURGE.EVENTS",
    "core.API.STREAM.MSG.GET.EVENTS",
    "core.API.DIRECT.GET.EVENTS",
    "$JS.API.STREAM.DELETE.EVENTS",
    "$JS.API.CONSUMER.MSG.NEXT.EVENTS.a",
    "$JS.ACK.EVENTS.b.1.1.1.1.0",
    "$JS.ACK._._.EVENTS.b.1.1.1.1.0",
    "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS.b",
    "$SYS.REQ.USER.AUTH",
    "$SRV.PING",
    "_INBOX_b.x",
    "_INBOX.x",
  ];

  test("may publish nothing that is not its own", async () => {
    await using it = await hostile();
    for (const subject of FORBIDDEN) {
      const seen = await violations(it.nc, () => it.nc.publish(subject, "x"));
      assert.equal(seen.length, 1, `${subject} was allowed`);
    }
  });

  test("may subscribe to nothing but its own inbox", async () => {
    await using it = await hostile();
    for (const subject of [
      ">",
      "mesh.>",
      "_INBOX.>",
      "_INBOX_b.>",
      "$JS.>",
      "$SYS.>",
      "mesh.event.>",
      "core.>",
      "*.>",
    ]) {
      const denied = await new Promise<boolean>((resolve) => {
        it.nc.subscribe(subject, { callback: (error) => resolve(error !== null) });
        // The server tells a violation before it answers the first of these.
        void it.nc
          .flush()
          .then(() => it.nc.flush())
          .then(
            () => resolve(false),
            () => resolve(false),
          );
      });
      assert.ok(denied, `${subject} was allowed`);
    }
  });

  test("cannot forge an event by the reply subject of what it may publish", async () => {
    await using it = await hostile();
    await it.publish("real");
    const allowed = [
      "core.API.CONSUMER.INFO.EVENTS.a",
      "core.API.CONSUMER.MSG.NEXT.EVENTS.a",
      "$JS.ACK.EVENTS.a.1.1.1.1.0",
      "mesh.out.a.x",
    ];
    for (const subject of allowed) it.nc.publish(subject, "", { reply: "mesh.event.forged" });
    // Answered after all of these, on the same connection.
    await it.nc.request("core.API.CONSUMER.INFO.EVENTS.a");
    const { state } = await it.coreBus.admin().streams.info("EVENTS", { subjects_filter: ">" });
    assert.deepEqual(state.subjects, { "mesh.event.x": 1 });
  });

  test("sees nothing of JetStream but its own consumer", async () => {
    await using it = await hostile();
    const js = jetstream(it.nc, { apiPrefix: "core.API" });
    await assert.rejects(js.consumers.get("EVENTS", "b"));
    assert.equal((await (await js.consumers.get("EVENTS", "a")).info()).name, "a");
  });
});
