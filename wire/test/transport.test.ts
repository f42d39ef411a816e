import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { Code, ConnectError, type ConnectRouter, createClient, type HandlerContext } from "@connectrpc/connect";
import { spawnDieWithParent } from "@patchbay/process";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@patchbay/proto/grpc/health/v1/health_pb";
import { createFakeClock, eventually, freePort, serveH2c } from "@patchbay/testkit";
import { healthRoutes } from "../src/health.ts";
import { createTransport, type TransportOptions } from "../src/transport.ts";

function connect(address: string, options: Partial<TransportOptions> = {}) {
  const transport = createTransport({ address, token: () => "secret", ...options });
  return { client: createClient(Health, transport), [Symbol.dispose]: () => transport.close() };
}

const healthy = (router: ConnectRouter) => healthRoutes(router, () => new Map([["", true]]));
// Answers nothing until the caller has gone.
const silence = (_: object, { signal }: HandlerContext) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(new Error("gone"))));
const silent = (router: ConnectRouter) => router.service(Health, { check: silence });

async function* hang() {
  yield {};
  await new Promise(() => undefined);
}

async function startProcess() {
  const url = new URL("./fixtures/health-server.ts", import.meta.url);
  const server = spawnDieWithParent(process.execPath, [url.pathname], { stdio: ["ignore", "pipe", "inherit"] });
  assert.ok(server.stdout);
  const [port] = await once(server.stdout, "data");
  return {
    process: server,
    address: `127.0.0.1:${String(port).trim()}`,
    async [Symbol.asyncDispose]() {
      server.kill("SIGKILL");
    },
  };
}

function failsWith(code: Code) {
  return (error: unknown) => ConnectError.from(error).code === code;
}

describe("a transport", () => {
  test("presents the token of the moment with each call", async () => {
    const seen: (string | null)[] = [];
    await using server = await serveH2c((router) =>
      router.service(Health, {
        check(_, { requestHeader }) {
          seen.push(requestHeader.get("authorization"));
          return {};
        },
      }),
    );
    let token = "one";
    using it = connect(server.address, { token: () => token });
    await it.client.check({});
    token = "two";
    await it.client.check({});
    assert.deepEqual(seen, ["Bearer one", "Bearer two"]);
  });

  test("takes an address with or without a scheme", async () => {
    await using server = await serveH2c(healthy);
    using it = connect(`127.0.0.1:${server.port}`);
    assert.equal((await it.client.check({})).status, Status.SERVING);
  });

  test("gives a unary call its own deadline, or the default", async () => {
    await using server = await serveH2c(silent);
    using it = connect(server.address, { deadlineMs: 50 });
    await assert.rejects(it.client.check({}), failsWith(Code.DeadlineExceeded));
    using patient = connect(server.address);
    await assert.rejects(patient.client.check({}, { timeoutMs: 50 }), failsWith(Code.DeadlineExceeded));
  });

  test("gives a stream no deadline", async () => {
    let serving = true;
    await using server = await serveH2c((router) => healthRoutes(router, () => new Map([["", serving]])));
    using it = connect(server.address, { deadlineMs: 50 });
    const seen: Status[] = [];
    for await (const { status } of it.client.watch({})) {
      seen.push(status);
      if (seen.length === 2) break;
      serving = false;
    }
    assert.deepEqual(seen, [Status.SERVING, Status.NOT_SERVING]);
  });

  test("uses a server that came back on the same port at once", async () => {
    const first = await serveH2c(healthy);
    using it = connect(first.address);
    await it.client.check({});
    await first.stop();
    await assert.rejects(it.client.check({}), failsWith(Code.Unavailable));
    await using _second = await serveH2c(healthy, first.port);
    assert.equal((await it.client.check({})).status, Status.SERVING);
  });

  test("moves to a new connection when the server asks it to, and finishes what it began", async () => {
    let serving = true;
    await using server = await serveH2c((router) => healthRoutes(router, () => new Map([["", serving]])));
    using it = connect(server.address);
    const stream = it.client.watch({})[Symbol.asyncIterator]();
    await stream.next();
    server.goAway();
    for (let i = 0; i < 20; i++) assert.equal((await it.client.check({})).status, Status.SERVING);
    serving = false;
    assert.equal((await stream.next()).value?.status, Status.NOT_SERVING);
    await stream.return?.();
  });

  test("carries hundreds of calls at once over one connection", async () => {
    await using server = await serveH2c(healthy);
    using it = connect(server.address);
    const answers = await Promise.all(Array.from({ length: 300 }, () => it.client.check({}, { timeoutMs: 30_000 })));
    assert.ok(answers.every((answer) => answer.status === Status.SERVING));
  });

  test("says UNAVAILABLE when nobody listens", async () => {
    using it = connect(`127.0.0.1:${await freePort()}`);
    await assert.rejects(it.client.check({}), failsWith(Code.Unavailable));
  });

  test("notices a stopped server by a missing answer to a ping", async () => {
    await using server = await startProcess();
    using it = connect(server.address, { pingIntervalMs: 100, pingTimeoutMs: 100 });
    const stream = it.client.watch({})[Symbol.asyncIterator]();
    await stream.next();
    server.process.kill("SIGSTOP");
    await assert.rejects(stream.next(), failsWith(Code.Unavailable));
    server.process.kill("SIGCONT");
    // It may need more than the 100 ms that it has here to come to itself.
    await eventually(async () => (await it.client.check({})).status === Status.SERVING);
  });

  test("says UNAVAILABLE to all calls of a connection that breaks, however it breaks", async () => {
    for (const kill of [true, false]) {
      await using remote = await startProcess();
      await using near = await serveH2c((router) => router.service(Health, { check: silence, watch: hang }));
      using it = connect(kill ? remote.address : near.address);
      const stream = it.client.watch({ service: "x" })[Symbol.asyncIterator]();
      await stream.next();
      const calls = [stream.next(), it.client.check({ service: "hang" })];
      setTimeout(() => (kill ? remote.process.kill("SIGKILL") : void near.stop()), 20);
      for (const outcome of await Promise.allSettled(calls)) {
        assert.equal(outcome.status, "rejected");
        assert.equal(ConnectError.from(outcome.reason).code, Code.Unavailable, String(outcome.reason));
      }
    }
  });

  test("ends its calls when it is closed, and begins none afterwards", async () => {
    await using server = await serveH2c(silent);
    const it = connect(server.address);
    const call = it.client.check({});
    setImmediate(() => it[Symbol.dispose]());
    await assert.rejects(call, failsWith(Code.Canceled));
    await assert.rejects(it.client.check({}), failsWith(Code.Canceled));
  });

  test("looks at no proxy variable", async () => {
    await using server = await serveH2c(healthy);
    const dead = `http://127.0.0.1:${await freePort()}`;
    const names = ["http_proxy", "HTTP_PROXY", "all_proxy", "grpc_proxy", "NODE_USE_ENV_PROXY"];
    for (const name of names) process.env[name] = name === "NODE_USE_ENV_PROXY" ? "1" : dead;
    try {
      using it = connect(server.address);
      assert.equal((await it.client.check({})).status, Status.SERVING);
    } finally {
      for (const name of names) delete process.env[name];
    }
  });
});

describe("health", { concurrency: true }, () => {
  test("tells services that serve from those that do not, and from strangers", async () => {
    const statuses = new Map([
      ["", true],
      ["mesh.a", false],
    ]);
    await using server = await serveH2c((router) => healthRoutes(router, () => statuses));
    using it = connect(server.address);
    assert.equal((await it.client.check({ service: "" })).status, Status.SERVING);
    assert.equal((await it.client.check({ service: "mesh.a" })).status, Status.NOT_SERVING);
    await assert.rejects(it.client.check({ service: "mesh.b" }), failsWith(Code.NotFound));
  });

  test("lets a watcher see a service appear, which stops watching when it goes", async () => {
    const statuses = new Map<string, boolean>();
    const clock = createFakeClock();
    await using server = await serveH2c((router) => healthRoutes(router, () => statuses, clock));
    using it = connect(server.address);
    const leaving = new AbortController();
    const watching = it.client.watch({ service: "mesh.a" }, { signal: leaving.signal })[Symbol.asyncIterator]();
    assert.equal((await watching.next()).value?.status, Status.SERVICE_UNKNOWN);
    statuses.set("mesh.a", true);
    await clock.advance(500);
    assert.equal((await watching.next()).value?.status, Status.SERVING);
    leaving.abort();
    await eventually("nobody waits for a change", () => clock.pending() === 0);
  });
});
