import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Health, HealthCheckResponse_ServingStatus } from "@patchbay/proto/grpc/health/v1/health_pb";
import { ServerReflection, type ServerReflectionResponse } from "@patchbay/proto/grpc/reflection/v1/reflection_pb";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Resolver } from "@patchbay/proto/mesh/plugin/v1/resolver_pb";
import { eventually, freePort } from "@patchbay/testkit";
import { hookToken } from "@patchbay/wire";
import { absent, definePlugin, endpoints, rewrite, serve } from "../src/index.ts";
import { startRegistry } from "./support/registry.ts";
import { serveForTest } from "./support/serving.ts";

const key = new Uint8Array(32).fill(7);
const token = hookToken(key, { namespace: "default", name: "hosts", instance: "test-1" });

const hosts = definePlugin({
  name: "hosts",
  version: "1.2.3",
  hooks: {
    async *resolve({ authority }) {
      yield authority.host === "users" ? endpoints(["10.0.0.1:80"]) : absent();
    },
  },
  options: { resolve: { suffixes: ["legacy", "users"], order: 400, deadline: "1s", failurePolicy: "closed" } },
});

function grpc(address: string): Transport {
  return createGrpcTransport({ baseUrl: `http://${address}` });
}

/** Opens a question to the plugin's hook. */
function ask(
  address: string,
  { authority = "users.default.svc.cluster.local:80", bearer = token, signal = new AbortController().signal } = {},
) {
  const client = createClient(Resolver, grpc(address));
  const headers = bearer ? { authorization: `Bearer ${bearer}` } : {};
  return client.resolve({ authority }, { headers, signal })[Symbol.asyncIterator]();
}

async function codeOf(work: Promise<unknown>): Promise<[string, string]> {
  try {
    await work;
    return ["OK", ""];
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return [Code[code] ?? "", rawMessage];
  }
}

test("a plugin announces what it is and becomes ready", async () => {
  await using registry = await startRegistry({ key });
  await using served = await serveForTest(hosts, { key, address: registry.address });
  await served.ready();
  const [announcement] = registry.announcements;
  assert.equal(announcement?.name, "hosts");
  assert.equal(announcement.version, "1.2.3");
  assert.equal(announcement.address, served.address);
  assert.deepEqual([announcement.contract?.min, announcement.contract?.max], [1, 1]);
  const hook = announcement.manifest?.hooks[0];
  assert.ok(hook?.kind.case === "resolve");
  assert.deepEqual(hook.kind.value.authoritySuffixes, ["legacy", "users"]);
  assert.equal(hook.kind.value.order, 400);
  assert.equal(hook.deadline?.seconds, 1n);
  assert.match(announcement.manifest?.sdk ?? "", /^mesh-sdk\/\d+\.\d+\.\d+$/);
});

test("hooks answer the core that accepted the plugin, and nobody else", async () => {
  await using registry = await startRegistry({ key });
  await using served = await serveForTest(hosts, { key, address: registry.address });
  await served.ready();
  const stop = new AbortController();
  const answer = await ask(served.address, { signal: stop.signal }).next();
  assert.equal(answer.value?.answer.case, "endpoints");
  stop.abort();
  const [code, why] = await codeOf(ask(served.address, { bearer: "wrong" }).next());
  assert.equal(code, "Unauthenticated");
  assert.match(why, /not the one that the registry announced/);
  assert.equal((await codeOf(ask(served.address, { bearer: "" }).next()))[0], "Unauthenticated");
  const page = await fetch(`http://${served.address}/metrics`).then((response) => response.text());
  assert.match(page, /mesh_plugin_hooks_refused_total\{plugin="hosts"\} 2/);
  assert.match(page, /mesh_plugin_answers_total\{kind="endpoints",plugin="hosts"\} 1/);
});

test("before any registry has accepted the plugin, every hook call is refused with a hint", async () => {
  const port = await freePort();
  await using served = await serveForTest(hosts, { key, address: `http://127.0.0.1:${port}` });
  const [code, why] = await codeOf(ask(served.address).next());
  assert.equal(code, "Unauthenticated");
  assert.match(why, /no registry has accepted this plugin yet/);
});

test("a plugin joins a registry that comes later, and comes back to one that was away", async () => {
  const port = await freePort();
  await using served = await serveForTest(hosts, { key, address: `http://127.0.0.1:${port}` });
  {
    await using first = await startRegistry({ key, port });
    await served.ready();
    first.cut();
    await eventually(() => first.announcements.length >= 2);
  }
  await using second = await startRegistry({ key, port });
  await eventually(() => second.announcements.length >= 1);
  assert.ok(served.lines.some(({ message }) => message.startsWith("lost the registry")));
});

test("configuration comes from the grant; one that does not fit makes the plugin not ready, with the reason", async () => {
  const seen: unknown[] = [];
  const plugin = definePlugin({
    name: "hosts",
    config: { type: "object", properties: { to: { type: "string" } }, required: ["to"] },
    hooks: {
      async *resolve({ config }) {
        seen.push(config);
        yield rewrite(config.to);
      },
    },
  });
  {
    await using registry = await startRegistry({ key, config: { to: 7 } });
    await using served = await serveForTest(plugin, { key, address: registry.address });
    await eventually(() => registry.heartbeats.some(({ reason }) => reason.includes("to: must be string")));
    assert.ok(registry.announcements.every(({ ready }) => !ready));
    assert.equal((await codeOf(ask(served.address).next()))[0], "Unavailable");
  }
  await using registry = await startRegistry({ key, config: { to: "web" } });
  await using served = await serveForTest(plugin, { key, address: registry.address, config: { to: "ignored" } });
  await served.ready();
  const stop = new AbortController();
  const answer = await ask(served.address, { signal: stop.signal }).next();
  stop.abort();
  assert.deepEqual(answer.value?.answer, {
    case: "rewrite",
    value: { $typeName: "mesh.plugin.v1.Rewrite", authority: "web" },
  });
  assert.deepEqual(seen, [{ to: "web" }]);
});

test("a mistake in the resolver breaks the stream with its one line, and the plugin serves on", async () => {
  const plugin = definePlugin({
    name: "hosts",
    hooks: {
      async *resolve({ authority }) {
        if (authority.host === "users") throw new TypeError("table is not iterable");
        yield absent();
      },
    },
  });
  await using registry = await startRegistry({ key });
  await using served = await serveForTest(plugin, { key, address: registry.address });
  await served.ready();
  const [code, why] = await codeOf(ask(served.address).next());
  assert.equal(code, "Internal");
  assert.match(why, /^resolve\("users"\) threw TypeError: table is not iterable\. \(\S*serve\.test\.ts:\d+:\d+\)$/);
  const stop = new AbortController();
  assert.equal(
    (await ask(served.address, { authority: "other", signal: stop.signal }).next()).value?.answer.case,
    "absent",
  );
  stop.abort();
  assert.equal(served.lines.filter(({ level }) => level === "error").length, 1);
});

test("the last one to leave ends the author's generator", async () => {
  let ended = 0;
  const plugin = definePlugin({
    name: "hosts",
    hooks: {
      async *resolve({ signal }) {
        signal.addEventListener("abort", () => (ended += 1));
        yield absent();
      },
    },
  });
  await using registry = await startRegistry({ key });
  await using served = await serveForTest(plugin, { key, address: registry.address });
  await served.ready();
  const stop = new AbortController();
  await ask(served.address, { signal: stop.signal }).next();
  assert.equal(ended, 0);
  stop.abort();
  await eventually(() => ended === 1);
});

test("stopping tells the registry first, ends open questions and gives the lease back", async () => {
  await using registry = await startRegistry({ key });
  const served = await serveForTest(hosts, { key, address: registry.address });
  await served.ready();
  const question = ask(served.address);
  await question.next();
  const ended = codeOf(question.next());
  await Promise.all([served.stop("deploy"), served.stop("twice")]);
  assert.deepEqual(registry.drains, ["deploy"]);
  assert.equal((await ended)[0], "Unavailable");
  await eventually(() => registry.open() === 0);
});

test("health and reflection are there for standard tools", async () => {
  await using registry = await startRegistry({ key });
  await using served = await serveForTest(hosts, { key, address: registry.address });
  await served.ready();
  const health = createClient(Health, grpc(served.address));
  for (const service of ["", "mesh.plugin.v1.Resolver"]) {
    assert.equal((await health.check({ service })).status, HealthCheckResponse_ServingStatus.SERVING);
  }
  assert.equal((await codeOf(health.check({ service: "other" })))[0], "NotFound");
  const reflection = createClient(ServerReflection, grpc(served.address));
  const responses = reflection.serverReflectionInfo(
    (async function* () {
      yield { messageRequest: { case: "listServices" as const, value: "" } };
      yield { messageRequest: { case: "fileContainingSymbol" as const, value: "mesh.plugin.v1.Resolver" } };
      yield { messageRequest: { case: "fileByFilename" as const, value: "nowhere.proto" } };
    })(),
  );
  const answers: ServerReflectionResponse["messageResponse"][] = [];
  for await (const { messageResponse } of responses) answers.push(messageResponse);
  const [services, file, missing] = answers;
  assert.deepEqual(services?.case === "listServicesResponse" && services.value.service.map(({ name }) => name), [
    "mesh.plugin.v1.Resolver",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
  ]);
  // resolver, destination, endpoint and the well-known duration.
  assert.equal(file?.case === "fileDescriptorResponse" && file.value.fileDescriptorProto.length, 4);
  assert.equal(missing?.case === "errorResponse" && missing.value.errorCode, Code.NotFound);
});

test("pages of other sites cannot read the metrics, and unknown paths say what is there", async () => {
  await using registry = await startRegistry({ key });
  await using served = await serveForTest(hosts, { key, address: registry.address });
  const get = (path: string, headers = {}) =>
    fetch(`http://${served.address}${path}`, { headers }).then(({ status }) => status);
  assert.equal(await get("/metrics"), 200);
  assert.equal(await get("/metrics", { origin: "http://evil.example" }), 403);
  assert.equal(await get("/"), 404);
});

test("a port that is taken is an error at the start, not a plugin that nobody reaches", async () => {
  await using registry = await startRegistry({ key });
  const taken = { registry: registry.address, port: registry.port, token: "x", signals: false };
  await assert.rejects(serve(hosts, taken), /hooks cannot be served at 127\.0\.0\.1:\d+: .*EADDRINUSE/);
});

test("a promise that nobody awaited is reported with its place, and the plugin lives on", async () => {
  // In a process of its own: the test runner watches over floating promises here.
  const { spawnSync } = await import("node:child_process");
  const result = spawnSync(process.execPath, [new URL("fixtures/floating.ts", import.meta.url).pathname], {
    encoding: "utf8",
    timeout: 10_000,
  });
  assert.match(
    result.stderr,
    /a promise that nobody awaited threw Error: lost write\. \(\S*floating\.ts:\d+:\d+\) Is an `await` missing\?/,
  );
  assert.equal(result.stdout.trim(), "still here");
  assert.equal(result.status, 0);
});

test("the registry's view is told once per change", async () => {
  await using registry = await startRegistry({ key });
  await using served = await serveForTest(hosts, { key, address: registry.address });
  await served.ready();
  for (let i = 0; i < 3; i += 1) registry.say({ case: "notice", value: { state: State.DEGRADED, reason: "slow" } });
  await eventually(() => served.lines.some(({ fields }) => fields.why === "slow"));
  served.announceAgain();
  await eventually(() => registry.announcements.length === 2);
  assert.equal(served.lines.filter(({ fields }) => fields.why === "slow").length, 1);
});
