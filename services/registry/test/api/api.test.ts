import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import {
  Kind,
  type RegisterRequestSchema,
  type RegisterResponse,
  type Registration,
  type WatchResponse,
  WatchResponseSchema,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { TEST_KEY, type TestCaller, untilPasses } from "@patchbay/testkit";
import { hookToken } from "@patchbay/wire";
import { proxy, resolver } from "../support/announcements.ts";
import { startHookServer } from "../support/hook-server.ts";
import { holdPlugin } from "../support/plugin.ts";
import { startRegistry, type TestRegistry } from "../support/registry.ts";

type Request = MessageInitShape<typeof RegisterRequestSchema>;

const users: TestCaller = { kind: "proxy", name: "users" };
const operator: TestCaller = { kind: "operator", name: "me" };

function announcing(announce: ReturnType<typeof proxy>): Request {
  return { message: { case: "announce", value: announce } };
}

/** Sends these, waits until the other side ends, and returns what it said and how it ended. */
async function exchange(registry: TestRegistry, who: TestCaller, requests: AsyncIterable<Request> | Request[]) {
  const answers: RegisterResponse[] = [];
  async function* send() {
    yield* requests;
  }
  try {
    for await (const answer of registry.client(who).register(send())) answers.push(answer);
    return { answers, error: undefined };
  } catch (error) {
    return { answers, error: ConnectError.from(error) };
  }
}

async function find(registry: TestRegistry, id: string): Promise<Registration> {
  const { registrations } = await registry.client(operator).list({});
  const found = registrations.find((one) => one.id === id);
  assert.ok(found, `${id} is not there`);
  return found;
}

describe("Register", () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
  });
  after(async () => {
    await registry?.stop();
  });

  it("answers an announcement with the lease, heartbeats with their number, and a drain with the state", async () => {
    const { answers, error } = await exchange(registry, users, [
      announcing(proxy()),
      { message: { case: "heartbeat", value: { sequence: 7n, ready: true } } },
      { message: { case: "drain", value: { reason: "SIGTERM" } } },
    ]);
    assert.equal(error, undefined);
    const [accepted] = answers;
    assert.equal(accepted?.message.case, "accepted");
    assert.ok(accepted.message.case === "accepted");
    assert.equal(accepted.message.value.lease?.nanos, 600_000_000);
    assert.equal(accepted.message.value.contract, 1);
    assert.ok(answers.some(({ message }) => message.case === "ack" && message.value.sequence === 7n));
    assert.ok(answers.some(({ message }) => message.case === "notice" && message.value.state === State.DRAINING));
    const { state, reason } = await find(registry, "proxy/default/users/one");
    assert.deepEqual([state, reason], [State.GONE, "drained: SIGTERM"]);
  });

  it("gives a plugin its grant and what the core will prove itself by, and shows that only to the core", async () => {
    using plugin = holdPlugin(registry, { name: "proofs", manifest: { events: [{ class: "plugin" }] } });
    const accepted = await plugin.lease.accepted();
    assert.equal(accepted.hookToken, hookToken(TEST_KEY, { namespace: "default", name: "proofs", instance: "one" }));
    assert.equal(accepted.grant?.source, "development");
    assert.equal(accepted.grant?.events[0]?.concurrency, 16);
    assert.ok(accepted.grant?.allowedNetworks.includes("127.0.0.0/8"));
    const seenBy = async (who: TestCaller) =>
      (await registry.client(who).list({})).registrations.find((one) => one.id === "plugin/default/proofs/one");
    assert.equal((await seenBy(operator))?.hookToken, "");
    assert.equal((await seenBy({ kind: "core", name: "destination" }))?.hookToken, accepted.hookToken);
  });

  it("keeps one registration when an instance comes back on a new stream, and ends the old stream", async () => {
    const open = Promise.withResolvers<void>();
    async function* untilOpen() {
      yield announcing(proxy({ instance: "twice" }));
      await open.promise;
    }
    const who = { ...users, instance: "twice" };
    const first = exchange(registry, who, untilOpen());
    await untilPasses(() => find(registry, "proxy/default/users/twice"));
    const second = exchange(registry, who, untilOpen());
    const { error } = await first;
    assert.equal(error?.code, Code.Aborted);
    assert.match(error?.rawMessage ?? "", /newer stream/);
    assert.equal((await find(registry, "proxy/default/users/twice")).state, State.READY);
    open.resolve();
    await second;
  });

  const refusals: readonly (readonly [string, TestCaller, Request[], Code, RegExp])[] = [
    [
      "a first message that is no announcement",
      users,
      [{ message: { case: "heartbeat", value: { sequence: 1n } } }],
      Code.InvalidArgument,
      /first message/,
    ],
    ["an empty message", users, [{}], Code.InvalidArgument, /Announce/],
    [
      "another's name",
      users,
      [announcing(proxy({ name: "payments" }))],
      Code.PermissionDenied,
      /proves proxy\/default\/users\/one.*payments/,
    ],
    [
      "a proxy that says it is the core",
      users,
      [announcing(proxy({ kind: Kind.CORE }))],
      Code.PermissionDenied,
      /says core/,
    ],
    ["an operator", operator, [announcing(proxy({ name: "me" }))], Code.PermissionDenied, /proves operator/],
    [
      "a contract of the future",
      users,
      [announcing(proxy({ contract: { min: 7, max: 8 } }))],
      Code.FailedPrecondition,
      /7 to 8.*1/,
    ],
    ["a name that is none", users, [announcing(proxy({ name: "a b" }))], Code.InvalidArgument, /^name: /],
    [
      "a flood",
      users,
      [
        announcing(proxy()),
        ...Array.from({ length: 200 }, (): Request => ({ message: { case: "heartbeat", value: {} } })),
      ],
      Code.ResourceExhausted,
      /20 messages a second/,
    ],
    [
      "a message of five megabytes",
      users,
      [announcing(proxy({ reason: "x".repeat(5 * 1024 * 1024) }))],
      Code.ResourceExhausted,
      /./,
    ],
  ];
  for (const [what, who, requests, code, message] of refusals) {
    it(`refuses ${what}`, async () => {
      const { error } = await exchange(registry, who, requests);
      assert.equal(error && Code[error.code], Code[code]);
      assert.match(error?.rawMessage ?? "", message);
    });
  }

  it("refuses a caller that does not prove itself", async () => {
    const answer = await fetch(`${registry.address}/mesh.registry.v1.Registry/List`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    assert.equal(answer.status, 401);
  });
});

describe("a plugin with hooks", () => {
  it("is ready when its address answers, DEGRADED while it is stopped, ready again when it goes on, and says why", async () => {
    await using registry = await startRegistry();
    await using hooks = await startHookServer();
    using plugin = holdPlugin(registry, { ...resolver(), address: hooks.address });
    const id = "plugin/default/hosts/one";
    const state = (wanted: State) => untilPasses(async () => assert.equal((await find(registry, id)).state, wanted));
    await state(State.READY);
    hooks.signal("SIGSTOP");
    await state(State.DEGRADED);
    assert.match((await find(registry, id)).reason, /hook address does not answer: no answer .*stopped or blocked/);
    hooks.signal("SIGCONT");
    await state(State.READY);
    await hooks.stop();
    await state(State.DEGRADED);
    assert.match((await find(registry, id)).reason, /nobody reachable/);
    await untilPasses(() => assert.equal(plugin.notices.at(-1)?.state, State.DEGRADED));
  });

  it("is STARTING for as long as nobody listens at its address", async () => {
    await using registry = await startRegistry();
    using _plugin = holdPlugin(registry, { ...resolver(), address: "127.0.0.1:1" });
    await untilPasses(async () => {
      const { state, reason } = await find(registry, "plugin/default/hosts/one");
      assert.equal(state, State.STARTING);
      assert.match(reason, /nobody reachable at 127\.0\.0\.1:1/);
    });
  });
});

describe("a plugin's configuration", () => {
  it("comes from its MeshPlugin file, is checked by its schema, and a change of the file reaches it", async () => {
    await using registry = await startRegistry();
    const file = (config: string) =>
      writeFile(
        join(registry.resourcesDir, "plugins.yaml"),
        `apiVersion: patchbay.dev/v1alpha1\nkind: MeshPlugin\nmetadata: { name: hosts }\nspec: { config: ${config} }\n`,
      );
    const configSchema = { type: "object", properties: { table: { type: "object" } }, required: ["table"] };
    await file("{ table: wrong }");
    using plugin = holdPlugin(registry, { manifest: { configSchema } });
    await untilPasses(async () =>
      assert.match(
        (await find(registry, "plugin/default/hosts/one")).reason,
        /spec\.config of its MeshPlugin does not fit: config\.table must be object/,
      ),
    );
    await file("{ table: { users: here } }");
    await untilPasses(() => assert.deepEqual(plugin.accepted.at(-1)?.grant?.config, { table: { users: "here" } }));
    await untilPasses(async () => assert.equal((await find(registry, "plugin/default/hosts/one")).state, State.READY));
  });
});

describe("Watch", () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
  });
  after(async () => {
    await registry?.stop();
  });

  /** Follows a watch until its messages satisfy the condition. */
  async function watchUntil(
    who: TestCaller,
    kinds: Kind[],
    enough: (all: WatchResponse[]) => boolean,
  ): Promise<WatchResponse[]> {
    const all: WatchResponse[] = [];
    for await (const message of registry.client(who).watch({ kinds })) {
      all.push(create(WatchResponseSchema, message));
      if (enough(all)) break;
    }
    return all;
  }

  it("gives the whole picture, says when it is complete by giving it again, then changes", async () => {
    await using fresh = await startRegistry();
    const messages: WatchResponse[] = [];
    using held = new DisposableStack();
    let holds = false;
    for await (const message of fresh.client(operator).watch({})) {
      messages.push(message);
      if (message.complete && !holds) held.use(holdPlugin(fresh));
      holds ||= message.complete;
      if (message.changed.some(({ id, state }) => id === "plugin/default/hosts/one" && state === State.READY)) break;
    }
    assert.deepEqual([messages[0]?.reset, messages[0]?.complete], [true, false]);
    const whole = messages.find(({ complete }) => complete);
    assert.equal(whole?.reset, true);
    assert.ok(whole?.changed.some(({ announce }) => announce?.name === "registry"));
    assert.equal(messages.at(-1)?.reset, false);
  });

  it("shows proxies and plugins only where the core is", async () => {
    using _plugin = holdPlugin(registry, { name: "hidden" });
    await watchUntil(operator, [], (all) =>
      all.some(({ changed }) => changed.some(({ announce }) => announce?.name === "hidden")),
    );
    for (const kind of ["proxy", "plugin"] as const) {
      const who = { kind, name: "x" } as const;
      const [first] = await watchUntil(who, [], (all) => all.length > 0);
      assert.deepEqual(
        first?.changed.map(({ announce }) => announce?.name),
        ["registry"],
      );
      const refused = await watchUntil(who, [Kind.PLUGIN], () => true).catch((error: unknown) =>
        ConnectError.from(error),
      );
      assert.ok(refused instanceof ConnectError);
      assert.equal(refused.code, Code.PermissionDenied);
      const listed = await registry
        .client(who)
        .list({})
        .catch((error: unknown) => ConnectError.from(error));
      assert.ok(listed instanceof ConnectError);
      assert.equal(listed.code, Code.PermissionDenied);
    }
  });

  it("of one kind says nothing of others", async () => {
    using _plugin = holdPlugin(registry, { name: "shown" });
    const messages = await watchUntil(operator, [Kind.PLUGIN], (all) => all.some(({ changed }) => changed.length > 0));
    assert.ok(messages.every(({ changed }) => changed.every(({ announce }) => announce?.kind === Kind.PLUGIN)));
  });
});

describe("the registry", () => {
  it("is registered itself, like every core service, and is ready without NATS but says so", async () => {
    await using registry = await startRegistry();
    const { registrations } = await registry.client(operator).list({ kinds: [Kind.CORE] });
    const [self] = registrations;
    assert.equal(self?.announce?.address, registry.address.replace("http://", ""));
    await untilPasses(async () => {
      const [now] = (await registry.client(operator).list({ kinds: [Kind.CORE] })).registrations;
      assert.equal(now?.state, State.READY);
      assert.match(now?.reason ?? "", /runs alone, without events/);
    });
  });

  it("stops although NATS was never to be reached", { timeout: 10_000 }, async () => {
    const registry = await startRegistry({ natsUrl: "nats://127.0.0.1:1" });
    await registry.stop();
  });
});
