import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { hookConcurrency } from "@patchbay/model";
import { Health, HealthCheckResponse_ServingStatus } from "@patchbay/proto/grpc/health/v1/health_pb";
import { ObjectiveState } from "@patchbay/proto/mesh/common/v1/objective_pb";
import { ObjectiveChangedSchema } from "@patchbay/proto/mesh/event/v1/event_pb";
import { Authorizer } from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";
import { RateLimiter } from "@patchbay/proto/mesh/plugin/v1/rate_limiter_pb";
import { eventually } from "@patchbay/testkit";
import { hookToken } from "@patchbay/wire";
import { allow, definePlugin, deny, grant, refuse } from "../src/index.ts";
import { decodeEvent } from "../src/model/events.ts";
import { startRegistry } from "./support/registry.ts";
import { serveForTest } from "./support/serving.ts";

const key = new Uint8Array(32).fill(7);
const token = hookToken(key, { namespace: "default", name: "gate", instance: "test-1" });
const headers = { authorization: `Bearer ${token}` };

const gate = definePlugin({
  name: "gate",
  hooks: {
    async authorize({ source, path, headers: seen, signal }) {
      if (path === "/broken") throw new TypeError("no table");
      if (path === "/slow") await new Promise((done) => signal.addEventListener("abort", done));
      if (seen["x-tenant"] === "acme") return allow({ ttl: "30s", vary: ["path", "header:x-tenant"] });
      return deny(`${source.namespace}/${source.service} may not`, { status: 401 });
    },
    ratelimit: ({ wanted, perMs, unspent }) =>
      unspent > 0 ? refuse({ retryAfter: perMs }) : grant(Math.min(wanted, 7), { validFor: "2s" }),
  },
  options: { authorize: { deadline: "100ms", concurrency: 5 } },
});

/** The plugin, accepted by a registry, and what calls its hooks as the core does. */
async function serving(plugin = gate) {
  const registry = await startRegistry({ key });
  const served = await serveForTest(plugin, { key, address: registry.address });
  await served.ready();
  const transport = createGrpcTransport({ baseUrl: `http://${served.address}` });
  return {
    registry,
    served,
    transport,
    authorizer: createClient(Authorizer, transport),
    limiter: createClient(RateLimiter, transport),
    metrics: () => fetch(`http://${served.address}/metrics`).then((response) => response.text()),
    async [Symbol.asyncDispose]() {
      await served.stop();
      await registry[Symbol.asyncDispose]();
    },
  };
}

async function failureOf(work: Promise<unknown>): Promise<[string, string]> {
  try {
    await work;
    return ["OK", ""];
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return [Code[code] ?? "", rawMessage];
  }
}

const sourceIdentity = "spiffe://cluster.local/ns/staging/sa/web";

test("a plugin announces the hooks that decide, with what it asks for them", async () => {
  await using mesh = await serving();
  const [announcement] = mesh.registry.announcements;
  assert.equal(announcement?.address, mesh.served.address);
  const asked = announcement.manifest?.hooks.map((hook) => [
    hook.kind.case,
    hook.deadline && durationMs(hook.deadline),
    hookConcurrency(hook),
  ]);
  assert.deepEqual(asked, [
    ["authorize", 100, 5],
    ["ratelimit", 200, 64],
  ]);
  const health = createClient(Health, mesh.transport);
  for (const service of ["mesh.plugin.v1.Authorizer", "mesh.plugin.v1.RateLimiter"]) {
    assert.equal((await health.check({ service })).status, HealthCheckResponse_ServingStatus.SERVING);
  }
});

test("a decision travels with its time to live and what it depends on", async () => {
  await using mesh = await serving();
  const policy = { namespace: "default", name: "gate" };
  const request = { sourceIdentity, target: "default/users", method: "GET", path: "/cart" };
  const shown = { ...request, headers: { "x-tenant": "acme" } };
  const allowed = await mesh.authorizer.authorize({ policy, request: shown }, { headers });
  assert.equal(allowed.decision.case, "allow");
  assert.equal(allowed.ttl && durationMs(allowed.ttl), 30_000);
  assert.deepEqual(allowed.vary, ["path", "header:x-tenant"]);
  const denied = await mesh.authorizer.authorize({ policy, request }, { headers });
  assert.deepEqual(denied.decision.case === "deny" && [denied.decision.value.reason, denied.decision.value.status], [
    "staging/web may not",
    401,
  ]);
  assert.equal(denied.ttl, undefined);
});

test("a lease travels with its time, and a refusal with when to ask again", async () => {
  await using mesh = await serving();
  const policy = { namespace: "default", name: "p" };
  const request = { policy, limit: "l", requests: 10, per: durationFromMs(500), burst: 10, wanted: 9 };
  const granted = await mesh.limiter.lease(request, { headers });
  assert.deepEqual([granted.granted, granted.validFor && durationMs(granted.validFor)], [7, 2_000]);
  const refused = await mesh.limiter.lease({ ...request, unspent: 3 }, { headers });
  assert.deepEqual([refused.granted, refused.retryAfter && durationMs(refused.retryAfter)], [0, 500]);
});

test("whoever has no token of the mesh decides nothing, and a hook that is not there is unimplemented", async () => {
  await using mesh = await serving(definePlugin({ name: "gate", hooks: { authorize: () => allow() } }));
  const wrong = { headers: { authorization: "Bearer wrong" } };
  assert.equal((await failureOf(mesh.authorizer.authorize({}, wrong)))[0], "Unauthenticated");
  assert.equal((await failureOf(mesh.limiter.lease({})))[0], "Unauthenticated");
  assert.deepEqual(await failureOf(mesh.limiter.lease({}, { headers })), [
    "Unimplemented",
    'this plugin has no hook "ratelimit"',
  ]);
  assert.match(await mesh.metrics(), /mesh_plugin_hooks_refused_total\{plugin="gate"\} 2/);
});

test("a throw and a late answer are errors, each counted and told once, and the plugin decides on", async () => {
  await using mesh = await serving();
  const ask = (path: string, timeoutMs?: number) =>
    failureOf(mesh.authorizer.authorize({ request: { path } }, { headers, ...(timeoutMs && { timeoutMs }) }));
  const [code, why] = await ask("/broken");
  assert.equal(code, "Internal");
  assert.match(why, /^authorize threw TypeError: no table\. \(\S*decision-hooks\.test\.ts:\d+:\d+\)$/);
  assert.deepEqual((await ask("/slow"))[0], "DeadlineExceeded");
  assert.equal((await ask("/slow", 20))[0], "DeadlineExceeded");
  await ask("/broken");
  assert.equal((await ask("/fine"))[0], "OK");
  // One whose caller had less time than the plugin may have ended before the plugin heard of it.
  await eventually(async () => /outcome="late",plugin="gate"\} [12]/.test(await mesh.metrics()));
  const page = await mesh.metrics();
  assert.match(page, /mesh_plugin_decision_seconds_count\{hook="authorize",outcome="failed",plugin="gate"\} 2/);
  assert.match(page, /mesh_plugin_decision_seconds_count\{hook="authorize",outcome="deny",plugin="gate"\} 1/);
  const errors = mesh.served.lines.filter(({ level }) => level === "error");
  assert.equal(errors.filter(({ message }) => message.includes("no table")).length, 1);
});

test("a caller that leaves aborts the author's signal, and is no mistake", async () => {
  let aborted = false;
  const waiting = Promise.withResolvers<void>();
  const plugin = definePlugin({
    name: "gate",
    hooks: {
      async authorize({ signal }) {
        waiting.resolve();
        await new Promise((done) => signal.addEventListener("abort", done));
        aborted = true;
        return allow();
      },
    },
    options: { authorize: { deadline: "5s" } },
  });
  await using mesh = await serving(plugin);
  const leave = new AbortController();
  const asked = failureOf(mesh.authorizer.authorize({}, { headers, signal: leave.signal }));
  await waiting.promise;
  leave.abort();
  assert.equal((await asked)[0], "Canceled");
  await eventually(() => aborted);
  assert.equal(mesh.served.lines.filter(({ level }) => level === "error").length, 0);
});

test("stopping lets decisions that are under way be made", async () => {
  const release = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const plugin = definePlugin({
    name: "gate",
    hooks: {
      async authorize() {
        asked.resolve();
        await release.promise;
        return allow();
      },
    },
    options: { authorize: { deadline: "5s" } },
  });
  await using mesh = await serving(plugin);
  const answer = mesh.authorizer.authorize({}, { headers });
  await asked.promise;
  const stopped = mesh.served.stop("deploy");
  await eventually(() => mesh.registry.drains.length === 1);
  release.resolve();
  assert.equal((await answer).decision.case, "allow");
  await stopped;
});

test("an event about an objective is decoded into plain values", () => {
  const message = create(ObjectiveChangedSchema, {
    namespace: "default",
    name: "users-fast",
    target: "users",
    targetRatio: 0.99,
    latencyBound: durationFromMs(250),
    state: ObjectiveState.BURNING,
    shortBurn: 20,
    longBurn: 15,
    shortWindow: durationFromMs(60_000),
    longWindow: durationFromMs(600_000),
    threshold: 14.4,
    budgetLeft: -1,
    at: timestampFromMs(7),
  });
  assert.deepEqual(decodeEvent("slo", toBinary(ObjectiveChangedSchema, message)), {
    namespace: "default",
    name: "users-fast",
    source: "",
    target: "users",
    state: "burning",
    objective: 0.99,
    latencyUnderMs: 250,
    short: { burn: 20, windowMs: 60_000 },
    long: { burn: 15, windowMs: 600_000 },
    threshold: 14.4,
    budgetLeft: -1,
    at: new Date(7),
  });
});
