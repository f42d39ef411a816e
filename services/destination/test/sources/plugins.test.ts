import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";

import { spawnDieWithParent } from "@patchbay/process";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";

import { Answer, Destination, Effect } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { eventually } from "@patchbay/testkit";
import { type AnswerInit, absent, endpointsOf, startCountingPlugin } from "../support/counting-plugin.ts";
import { startDestination } from "../support/destination.ts";
import { core, picture, plugin, proxy } from "../support/registrations.ts";
import { said, watch } from "../support/watcher.ts";

const closed = { failurePolicy: FailurePolicy.CLOSED };

describe("a resolver plugin", () => {
  it("is asked once for an authority that 1,000 clients watch, and let go when the last has left", async () => {
    await using custom = await startCountingPlugin();
    custom.answer(endpointsOf(9001));
    await using mesh = await startDestination({
      registrations: [plugin({ address: custom.address })],
      settings: { maxWatchesPerClient: 2_000 },
    });
    const clients = Array.from({ length: 10 }, () => mesh.as({ kind: "operator" }));
    const watchers = Array.from({ length: 1_000 }, (_, n) => {
      const transport = clients[n % clients.length];
      assert.ok(transport);
      return watch(createClient(Destination, transport), n % 2 ? "legacy" : "legacy.default.svc.cluster.local:80");
    });
    await Promise.all(watchers.map((watcher) => watcher.until("endpoints 9001 by plugin/custom")));
    assert.equal(custom.asked.length, 1);
    assert.equal((await mesh.client.explain({ authority: "legacy" })).watchers, 1_000);
    custom.answer(endpointsOf(9002));
    await Promise.all(watchers.map((watcher) => watcher.until("endpoints 9002 by plugin/custom")));
    await using marker = watch(mesh.client, "marker");
    await marker.until("endpoints 9002 by plugin/custom");
    await Promise.all(watchers.slice(1).map((watcher) => watcher.leave()));
    await eventually(async () => (await mesh.client.explain({ authority: "legacy" })).watchers === 1);
    // What was left before it would be let go before it.
    await marker.leave();
    await eventually(() => custom.open.size < 2);
    assert.equal(custom.open.size, 1, "one watcher is still there");
    await watchers[0]?.leave();
    await eventually(() => custom.open.size === 0);
    assert.deepEqual(
      custom.asked.map(({ authority }) => authority.split(".")[0]),
      ["legacy", "marker"],
    );
  });

  it("sees the canonical authority, the short host and the core's proof, and no context that it did not ask for", async () => {
    await using custom = await startCountingPlugin();
    await using mesh = await startDestination({ registrations: [plugin({ address: custom.address })] });
    await mesh.client.explain({ authority: "Users:8080", context: { zone: "a" } });
    const [request] = custom.asked;
    assert.equal(request?.authority, "users.default.svc.cluster.local:8080");
    assert.equal(request?.host, "users");
    assert.equal(request?.port, 8080);
    assert.equal(request?.context, undefined);
    assert.deepEqual(custom.tokens, ["Bearer secret of custom"]);
  });

  it("is called directly although the environment names a proxy", async () => {
    const before = process.env.http_proxy;
    process.env.http_proxy = "http://127.0.0.1:1";
    try {
      await using custom = await startCountingPlugin();
      custom.answer(endpointsOf(9001));
      await using mesh = await startDestination({ registrations: [plugin({ address: custom.address })] });
      await using users = watch(mesh.client, "users");
      await users.until("endpoints 9001 by plugin/custom");
    } finally {
      if (before === undefined) delete process.env.http_proxy;
      else process.env.http_proxy = before;
    }
  });

  it("that depends on the context is asked once for each context, and the others hold their own answer", async () => {
    await using custom = await startCountingPlugin();
    custom.answer(({ context }) => endpointsOf(context?.zone === "a" ? 9001 : 9002));
    await using mesh = await startDestination({
      registrations: [plugin({ address: custom.address, hook: { usesContext: true } })],
    });
    await using a1 = watch(mesh.client, "users", { zone: "a" });
    await using a2 = watch(mesh.client, "users", { zone: "a" });
    await using b = watch(mesh.client, "users", { zone: "b" });
    await a1.until("endpoints 9001 by plugin/custom");
    await a2.until("endpoints 9001 by plugin/custom");
    await b.until("endpoints 9002 by plugin/custom");
    assert.equal(custom.asked.length, 2);
    const explained = await mesh.client.explain({ authority: "users", context: { zone: "b" } });
    assert.deepEqual(explained.resolution, b.latest());
  });

  it("is asked only for the authorities that it was granted, and the chain says so", async () => {
    await using custom = await startCountingPlugin();
    await using mesh = await startDestination({
      registrations: [plugin({ address: custom.address, hook: { authoritySuffixes: ["corp.example"] } })],
    });
    const { steps } = await mesh.client.explain({ authority: "users" });
    const step = steps.find(({ resolver }) => resolver === "plugin/custom");
    assert.equal(step?.answer, Answer.NOT_ASKED);
    assert.equal(step?.why, "it serves only corp.example");
    assert.equal(custom.asked.length, 0);
    await mesh.client.explain({ authority: "db.corp.example" });
    assert.equal(custom.asked.length, 1);
  });

  it("leads to other authorities by rewrite and split", async () => {
    await using custom = await startCountingPlugin();
    const targets = [
      { authority: "users", weight: 9 },
      { authority: "nobody", weight: 1 },
    ];
    custom.answer(({ host }) => {
      if (host === "hello.custom") return { case: "rewrite", value: { authority: "users" } };
      return host === "canary" ? { case: "split", value: { targets } } : absent;
    });
    await using mesh = await startDestination({ registrations: [proxy(), plugin({ address: custom.address })] });
    await using hello = watch(mesh.client, "hello.custom");
    const rewritten = await hello.until("endpoints 7001 by workloads");
    assert.equal(rewritten.branches[0]?.authority, "users.default.svc.cluster.local:80");
    await using canary = watch(mesh.client, "canary");
    const split = await canary.until("endpoints 7001 by workloads | failed by nobody");
    assert.deepEqual(
      split.branches.map(({ weight }) => weight),
      [9, 1],
    );
  });

  it("keeps its last answer for staleFor when it dies, then the chain goes on, and it comes back by itself", async () => {
    const first = await startCountingPlugin();
    first.answer(endpointsOf(9001));
    const registration = plugin({ address: first.address, hook: { order: 50 } });
    await using mesh = await startDestination({
      registrations: [proxy(), registration],
      settings: { staleForMs: 300 },
    });
    await using users = watch(mesh.client, "users");
    await users.until("endpoints 9001 by plugin/custom");
    first.kill();
    await users.until("endpoints 9001 stale by plugin/custom");
    await users.until("endpoints 7001 by workloads");
    const { steps } = await mesh.client.explain({ authority: "users" });
    const step = steps.find(({ resolver }) => resolver === "plugin/custom");
    assert.equal(step?.answer, Answer.FAILED);
    assert.equal(step?.effect, Effect.NEXT);
    assert.match(step?.detail ?? "", /one: .*UNAVAILABLE/);
    await using again = await startCountingPlugin(Number(first.address.split(":")[1]));
    again.answer(endpointsOf(9003));
    await users.until("endpoints 9003 by plugin/custom");
  });

  it("that fails closed stops the chain", async () => {
    const custom = await startCountingPlugin();
    custom.answer(endpointsOf(9001));
    await using mesh = await startDestination({
      registrations: [proxy(), plugin({ address: custom.address, hook: { order: 50, ...closed } })],
      settings: { staleForMs: 100 },
    });
    await using users = watch(mesh.client, "users");
    await users.until("endpoints 9001 by plugin/custom");
    custom.kill();
    await users.until("failed by plugin/custom");
  });

  it("falls through at once when it drains", async () => {
    await using custom = await startCountingPlugin();
    custom.answer(endpointsOf(9001));
    const init = { address: custom.address, hook: { order: 50 } };
    await using mesh = await startDestination({
      registrations: [proxy(), plugin(init)],
      settings: { staleForMs: 60_000 },
    });
    await using users = watch(mesh.client, "users");
    await users.until("endpoints 9001 by plugin/custom");
    mesh.registry(picture([plugin({ ...init, state: State.DRAINING })]));
    await users.until("endpoints 7001 by workloads");
    assert.deepEqual(users.messages.map(said), ["endpoints 9001 by plugin/custom", "endpoints 7001 by workloads"]);
  });

  it("falls through at once when it drains, also when an earlier one of its instances crashed", async () => {
    await using custom = await startCountingPlugin();
    custom.answer(endpointsOf(9001));
    const crashed = plugin({
      instance: "crashed",
      address: "127.0.0.1:1",
      state: State.GONE,
      reason: "the lease of 5 s ended",
      history: [State.STARTING, State.READY, State.GONE],
      startedAt: 1_000,
    });
    const init = { address: custom.address, hook: { order: 50 } };
    await using mesh = await startDestination({ registrations: [proxy(), crashed], settings: { staleForMs: 60_000 } });
    await using users = watch(mesh.client, "users");
    await users.until("endpoints 7001 by workloads");
    const list = async () => (await mesh.client.listResolvers({})).resolvers.map(({ name }) => name);
    assert.ok((await list()).includes("plugin/custom"), "a plugin that crashed is still a resolver");
    mesh.registry(picture([plugin(init)]));
    await users.until("endpoints 9001 by plugin/custom");
    mesh.registry(picture([plugin({ ...init, state: State.DRAINING })]));
    await users.until("endpoints 7001 by workloads");
    assert.ok(!(await list()).includes("plugin/custom"));
  });

  it("with several instances moves to another before a break counts", async () => {
    const one = await startCountingPlugin();
    const two = await startCountingPlugin();
    one.answer(endpointsOf(9001));
    two.answer(endpointsOf(9001));
    await using mesh = await startDestination({
      registrations: [
        plugin({ instance: "one", address: one.address }),
        plugin({ instance: "two", address: two.address }),
      ],
      settings: { staleForMs: 60_000 },
    });
    await using users = watch(mesh.client, "users");
    await users.until("endpoints 9001 by plugin/custom");
    assert.equal(one.open.size + two.open.size, 1);
    const [holder, other] = one.open.size === 1 ? [one, two] : [two, one];
    holder.kill();
    await eventually(() => other.open.size === 1);
    other.answer(endpointsOf(9002));
    await users.until("endpoints 9002 by plugin/custom");
    const all = ["endpoints 9001 by plugin/custom", "endpoints 9002 by plugin/custom"];
    assert.deepEqual(users.messages.map(said), all, "nobody noticed");
    await using stopOther = other;
    assert.ok(stopOther);
  });

  it("moves its streams away from an instance that drains while another is ready", async () => {
    await using one = await startCountingPlugin();
    await using two = await startCountingPlugin();
    const plugins = [one, two] as const;
    for (const each of plugins) each.answer(endpointsOf(9001));
    const registration = (index: 0 | 1, state: State = State.READY) =>
      plugin({ instance: `i${index}`, address: plugins[index].address, state });
    await using mesh = await startDestination({ registrations: [registration(0), registration(1)] });
    await using users = watch(mesh.client, "users");
    await users.until("endpoints 9001 by plugin/custom");
    const holder = one.open.size === 1 ? 0 : 1;
    mesh.registry(picture([registration(holder, State.DRAINING)]));
    await eventually(() => plugins[holder].open.size === 0 && plugins[holder === 0 ? 1 : 0].open.size === 1);
    assert.equal(users.messages.length, 1);
  });

  it("that never answers holds the chain until its deadline only, and may still answer later", async () => {
    await using custom = await startCountingPlugin();
    custom.answer(() => undefined);
    const deadline = durationFromMs(200);
    await using mesh = await startDestination({
      registrations: [proxy(), plugin({ address: custom.address, hook: { order: 50, deadline } })],
    });
    await using users = watch(mesh.client, "users");
    await users.until("endpoints 7001 by workloads");
    assert.equal(users.messages.length, 1);
    const step = (await mesh.client.explain({ authority: "users" })).steps[0];
    assert.match(step?.detail ?? "", /no answer within 0\.2 s/);
    custom.answer(endpointsOf(9009));
    await users.until("endpoints 9009 by plugin/custom");
    assert.equal(custom.asked.length, 1);
  });

  it("with a long deadline lets a first message go out in time, marked incomplete", async () => {
    await using custom = await startCountingPlugin();
    custom.answer(() => undefined);
    const hook = { order: 50, deadline: durationFromMs(30000) };
    await using mesh = await startDestination({
      registrations: [proxy(), plugin({ address: custom.address, hook })],
      settings: { firstAnswerMs: 200 },
    });
    await using users = watch(mesh.client, "users");
    const first = await users.until("… pending by plugin/custom");
    assert.equal(first.branches[0]?.endpoints.length, 0);
    custom.answer(absent);
    await users.until("endpoints 7001 by workloads");
  });

  it("may let an absent answer be reused without a stream, and is asked again when its time is over", async () => {
    await using custom = await startCountingPlugin();
    custom.answer({ case: "absent", value: { ttl: { seconds: 0n, nanos: 300_000_000 } } });
    await using mesh = await startDestination({ registrations: [plugin({ address: custom.address })] });
    await using users = watch(mesh.client, "users");
    await users.until("absent by nobody");
    await eventually(() => custom.open.size === 0);
    const step = (await mesh.client.explain({ authority: "users" })).steps.find(
      ({ resolver }) => resolver === "plugin/custom",
    );
    assert.equal(step?.cached, true);
    custom.answer(endpointsOf(9001));
    assert.equal(custom.asked.length, 1);
    await users.until("endpoints 9001 by plugin/custom");
    assert.equal(custom.asked.length, 2);
  });

  it("hurts only itself by rubbish, which is counted and told", async () => {
    await using custom = await startCountingPlugin();
    await using mesh = await startDestination({
      registrations: [proxy(), core("registry", 4140), plugin({ address: custom.address, hook: { order: 50 } })],
    });
    await using users = watch(mesh.client, "users");
    const one = (address: string, port: number): AnswerInit => ({
      case: "endpoints",
      value: { endpoints: [{ address, port }] },
    });
    const rubbish: readonly [AnswerInit, RegExp][] = [
      [one("169.254.169.254", 80), /link-local/],
      [one("127.0.0.1", 0), /port 0/],
      [one("127.0.0.1", 4140), /control plane's own/],
      [one("8.8.8.8", 53), /allowedNetworks/],
      [
        {
          case: "endpoints",
          value: { endpoints: Array.from({ length: 100_000 }, () => ({ address: "127.0.0.1", port: 1 })) },
        },
        /at most 10000/,
      ],
      [{ case: "rewrite", value: { authority: "not a name" } }, /not a name/],
      [{ case: "split", value: { targets: [{ authority: "users", weight: 0 }] } }, /weights are all 0/],
    ];
    for (const [answer, reason] of rubbish) {
      custom.answer(answer);
      await eventually(async () =>
        reason.test((await mesh.client.explain({ authority: "users" })).steps[0]?.detail ?? ""),
      );
      await users.until("endpoints 7001 by workloads");
    }
    custom.answer({ case: "rewrite", value: { authority: "users" } });
    const cycle = await users.until("failed by plugin/custom");
    assert.match(cycle.branches[0]?.reason ?? "", /a cycle/);
    assert.equal(await mesh.metric("destination_answer_violations_total{"), rubbish.length);
  });

  it("can not lead to public addresses by way of DNS when its grant does not allow them", async () => {
    await using custom = await startCountingPlugin();
    custom.answer(({ host }) => (host === "out" ? { case: "rewrite", value: { authority: "8.8.8.8:53" } } : absent));
    await using mesh = await startDestination({ registrations: [plugin({ address: custom.address })] });
    await using out = watch(mesh.client, "out");
    const refused = await out.until("failed by dns");
    assert.match(refused.branches[0]?.reason ?? "", /plugin\/custom led here and may not: .*8\.8\.8\.8 lies outside/);
    mesh.registry(picture([plugin({ address: custom.address, allowedNetworks: ["8.8.8.0/24"] })]));
    await out.until("endpoints 53 by dns");
  });

  it("takes its place in the order when it comes, and proxies keep what they hold until it has answered", async () => {
    await using custom = await startCountingPlugin();
    custom.answer(() => undefined);
    await using mesh = await startDestination({ registrations: [proxy()] });
    await using users = watch(mesh.client, "users");
    await users.until("endpoints 7001 by workloads");
    mesh.registry(picture([plugin({ address: custom.address, hook: { order: 50 } })]));
    await eventually(() => custom.open.size === 1);
    const waiting = await mesh.client.explain({ authority: "users" });
    assert.deepEqual(waiting.resolution, users.latest());
    assert.equal(waiting.steps[0]?.effect, Effect.WAIT);
    custom.answer(endpointsOf(9001));
    await users.until("endpoints 9001 by plugin/custom");
    assert.equal(users.messages.length, 2);
  });

  it("that is stopped is noticed by its silence, without a new call", async () => {
    const child = spawnDieWithParent(
      process.execPath,
      [new URL("../support/plugin-process.ts", import.meta.url).pathname],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    try {
      const address = await new Promise<string>((resolve) =>
        child.stdout?.once("data", (chunk: Buffer) => resolve(String(chunk).trim())),
      );
      await using mesh = await startDestination({
        registrations: [proxy(), plugin({ address, hook: { order: 50 } })],
        // The ping interval is a fifth of the lease.
        settings: { leaseMs: 1_000, staleForMs: 300 },
      });
      await using users = watch(mesh.client, "users");
      await users.until("endpoints 9001 by plugin/custom");
      child.kill("SIGSTOP");
      await users.until("endpoints 9001 stale by plugin/custom");
      await users.until("endpoints 7001 by workloads");
      child.kill("SIGCONT");
      await users.until("endpoints 9001 by plugin/custom");
    } finally {
      child.kill("SIGKILL");
    }
  });
});
