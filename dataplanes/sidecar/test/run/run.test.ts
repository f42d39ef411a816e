import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type RequestOptions, request } from "node:http";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { pause } from "@patchbay/model";
import { eventually, freePort } from "@patchbay/testkit";
import { noLog } from "@patchbay/wire";
import { startSidecar } from "../../src/app.ts";
import type { RunError } from "../../src/run/run-error.ts";
import type { RunProgramOptions } from "../../src/run/run-program.ts";
import type { Sidecar } from "../../src/sidecar.ts";
import { createStateDir, GREETER, type Running, startTestMesh, type TestMesh } from "../support/mesh.ts";
import { commandOf, descendants } from "../support/processes.ts";

describe("mesh run", { concurrency: 4 }, () => {
  let dir: Awaited<ReturnType<typeof createStateDir>>;
  let mesh: TestMesh;
  let caller: Sidecar;
  before(async () => {
    dir = await createStateDir();
    mesh = await startTestMesh(dir.path);
    caller = await startSidecar({ registry: mesh.mesh.address, key: mesh.key, name: "caller", log: noLog });
  });
  after(async () => {
    await caller.stop();
    await mesh[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  /** A request through the sidecar, as a program with the proxy variables sends it; status and body. */
  function call(
    url: string,
    options: RequestOptions & { readonly agent?: Agent } = {},
  ): Promise<{ status: number; body: string }> {
    return new Promise((resolve) => {
      const headers = { host: new URL(url).host };
      const outgoing = request(
        { host: "127.0.0.1", port: caller.outboundPort, path: url, headers, ...options },
        (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (text: string) => {
            body += text;
          });
          response.once("close", () => resolve({ status: response.statusCode ?? 0, body }));
        },
      );
      outgoing.once("error", (error) => resolve({ status: 0, body: error.message }));
      outgoing.end(options.method === "POST" ? "x" : undefined);
    });
  }

  async function ready(service: string, count = 1): Promise<void> {
    await eventually(`${count} of ${service} serve`, async () => (await mesh.workloads(service)).length === count);
    await eventually(`${service} is reached`, async () => (await call(`http://${service}/`)).status === 200);
  }

  const gone = (service: string) =>
    eventually(`${service} is gone`, async () => (await mesh.workloads(service)).length === 0);

  test("a program's endpoint appears when its port accepts, and goes when it is stopped", async () => {
    const running = mesh.run(greeting("hello", await freePort()));
    await ready("hello");
    assert.deepEqual(await call("http://hello/x"), { status: 200, body: "hello GET /x\n" });
    const identity = (await mesh.workloads("hello"))[0]?.announce?.workload?.endpoint?.identity;
    assert.equal(identity, "spiffe://cluster.local/ns/default/sa/hello");
    running.child.kill("SIGTERM");
    assert.equal(await running.ended, 143);
    await gone("hello");
    assert.equal(running.output() + running.errors(), "");
  });

  test("a program without a name calls through the mesh, and its output and exit code are its own", async () => {
    mesh.runHere(greeting("web", await freePort()));
    await ready("web");
    const curl = mesh.run({ command: "sh", args: ["-c", "curl -s http://web/page; echo err >&2; exit 7"] });
    assert.equal(await curl.ended, 7);
    assert.equal(curl.output(), "web GET /page\n");
    assert.equal(curl.errors(), "err\n");
  });

  test("a program that does not exist is 127, a signal is 128 and its number", async () => {
    const missing = mesh.run({ command: "no-such-program-anywhere" });
    const killed = mesh.runHere({ command: "sh", args: ["-c", "kill -9 $$"] });
    assert.equal(await missing.ended, 127);
    assert.match(missing.errors(), /cannot start no-such-program-anywhere: no such program on the PATH/);
    assert.equal(await killed.ended, 137);
  });

  test("a program is ready when its health path says so", async () => {
    const port = await freePort();
    mesh.runHere({
      service: "slow",
      port,
      health: "/healthz",
      command: process.execPath,
      args: [
        "-e",
        `let ok = false, probed = 0; require("http").createServer((q, r) => {
           ok ||= q.url === "/wake";
           if (q.url === "/healthz") probed += 1;
           r.writeHead(q.url === "/healthz" && !ok ? 503 : 200).end(String(probed));
         }).listen(${port}, "127.0.0.1")`,
      ],
    });
    await eventually(
      "it listens",
      async () => (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined))?.status === 200,
    );
    // Asked for its health again and again, it does not take part.
    await eventually(
      "it was probed",
      async () => Number(await (await fetch(`http://127.0.0.1:${port}/probed`)).text()) >= 3,
    );
    assert.equal((await mesh.workloads("slow")).length, 0);
    await fetch(`http://127.0.0.1:${port}/wake`);
    await ready("slow");
  });

  test("a program that listens on ::1 alone is reached", async (context) => {
    const probe = createServer().listen(0, "::1");
    const available = await Promise.race([
      once(probe, "listening").then(() => true),
      once(probe, "error").then(() => false),
    ]);
    probe.close();
    if (!available) return context.skip("this machine has no IPv6 loopback");
    mesh.runHere(greeting("six", await freePort(), { host: "::1" }));
    await ready("six");
  });

  test("kill -9 of the program removes its endpoint", async () => {
    const running = mesh.run(greeting("mortal", await freePort()));
    await ready("mortal");
    await sendToProgram(running, "SIGKILL");
    assert.equal(await running.ended, 137);
    await gone("mortal");
  });

  test("kill -9 of the supervisor ends program and sidecar, and removes the endpoint", async () => {
    const running = mesh.run(greeting("orphan", await freePort()));
    await ready("orphan");
    const pids = await descendants(running.child.pid ?? 0);
    assert.ok(pids.length >= 2, `${pids.length} descendants`);
    running.child.kill("SIGKILL");
    await gone("orphan");
    await eventually("all have ended", () => !pids.some(alive));
  });

  test("a sidecar that dies is started again on its ports, and its program goes on", async () => {
    const running = mesh.run(greeting("phoenix", await freePort()));
    await ready("phoenix");
    const before = (await mesh.workloads("phoenix"))[0];
    await killSidecar(running);
    await eventually("another sidecar serves", async () => {
      const now = await mesh.workloads("phoenix");
      return now.some(({ announce }) => announce?.instance !== before?.announce?.instance);
    });
    await eventually("it is reached", async () => (await call("http://phoenix/")).status === 200);
    const after = (await mesh.workloads("phoenix")).find(
      ({ announce }) => announce?.instance !== before?.announce?.instance,
    );
    assert.equal(after?.announce?.workload?.endpoint?.port, before?.announce?.workload?.endpoint?.port);
  });

  test("SIGTERM under load fails no request, POST included", async () => {
    const first = mesh.run(greeting("shop", await freePort(), { delay: 20, name: "first" }));
    mesh.runHere(greeting("shop", await freePort(), { delay: 20, name: "second" }));
    await ready("shop", 2);
    const agent = new Agent({ keepAlive: true, maxSockets: 20 });
    const answers: { status: number; body: string }[] = [];
    let loading = true;
    const client = async (method: string) => {
      while (loading) answers.push(await call("http://shop/", { method, agent }));
    };
    const clients = Array.from({ length: 20 }, (_, index) => client(index % 2 === 0 ? "POST" : "GET"));
    await eventually("both answer", () =>
      ["first", "second"].every((name) => answers.some(({ body }) => body.startsWith(name))),
    );
    first.child.kill("SIGTERM");
    assert.equal(await first.ended, 143);
    const at = answers.length;
    await eventually("it goes on", () => answers.length > at + 50);
    loading = false;
    await Promise.all(clients);
    agent.destroy();
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200),
      [],
    );
    assert.ok(answers.slice(at).every(({ body }) => body.startsWith("second")));
  });

  test("a second signal ends a program at once that does not want to", async () => {
    const port = await freePort();
    const stubborn = `process.on("SIGTERM", () => {}); require("http").createServer((q, r) => r.end()).listen(${port}, "127.0.0.1")`;
    const running = mesh.run({
      service: "stubborn",
      port,
      drainMs: 60_000,
      command: process.execPath,
      args: ["-e", stubborn],
    });
    await eventually("it serves", async () => (await mesh.workloads("stubborn")).length === 1);
    running.child.kill("SIGTERM");
    await gone("stubborn");
    // Signals within 300 ms of the first count as one, by the clock of a process that may be held up.
    let over = false;
    void running.ended.finally(() => (over = true));
    while (!over) {
      await pause(400);
      running.child.kill("SIGTERM");
    }
    assert.equal(await running.ended, 137);
  });

  test("a local port leads to a service for programs that know no proxy", async () => {
    mesh.runHere(greeting("plain", await freePort()));
    await ready("plain");
    const port = await freePort();
    const running = mesh.run({
      listens: [{ port, authority: "plain" }],
      command: "curl",
      args: ["-s", "--noproxy", "*", "-H", "Host: plain", `http://127.0.0.1:${port}/direct`],
    });
    assert.equal(await running.ended, 0);
    assert.equal(running.output(), "plain GET /direct\n");
  });

  test("what cannot work is said before anything starts", async () => {
    const busy = createServer().listen(0, "127.0.0.1");
    await once(busy, "listening");
    const address = busy.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const cases: readonly (readonly [RunProgramOptions, RunError["code"], RegExp])[] = [
      [
        { service: "taken", port, command: "true" },
        "port",
        /^port \d+ is in use already: stop what listens there, or give taken another port$/,
      ],
      [{ service: "Bad Name", port: 1, command: "true" }, "usage", /^"Bad Name" cannot be a service's name/],
      [{ service: "portless", command: "true" }, "usage", /^on which port does portless listen\? Add --port PORT$/],
      [{ port: 7001, command: "true" }, "usage", /Add --service NAME$/],
      [{ stateDir: "/nowhere/at/all", command: "true" }, "no-mesh", /^No mesh is running\. Start one: npm start$/],
    ];
    for (const [options, code, message] of cases) {
      await assert.rejects(mesh.runHere(options).ended, { name: "RunError", code, message });
    }
    busy.close();
  });
});

test("a mesh that is started again is joined again, at whatever address", async () => {
  await using dir = await createStateDir();
  const first = await startTestMesh(dir.path);
  const running = first.runHere(greeting("faithful", await freePort()));
  await eventually("it joined", async () => (await first.workloads("faithful")).length === 1);
  await first.mesh.stop();
  const second = await startTestMesh(dir.path);
  await eventually("it joined again", async () => (await second.workloads("faithful")).length === 1);
  running.stop();
  assert.equal(await running.ended, 143);
  await eventually("it left", async () => (await second.workloads("faithful")).length === 0);
  await second[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
});

function greeting(service: string, port: number, more: { host?: string; delay?: number; name?: string } = {}) {
  const { host = "127.0.0.1", delay = 0, name = service } = more;
  return { service, port, command: process.execPath, args: [GREETER, name, String(port), host, String(delay)] };
}

/** To the program itself, past its supervisor. */
async function sendToProgram(running: Running, signal: NodeJS.Signals): Promise<void> {
  for (const pid of await descendants(running.child.pid ?? 0)) {
    const command = await commandOf(pid);
    if (!command.includes("supervisor.mjs") && !command.includes("main.ts")) process.kill(pid, signal);
  }
}

async function killSidecar(running: Running): Promise<void> {
  for (const pid of await descendants(running.child.pid ?? 0)) {
    if ((await commandOf(pid)).includes("main.ts")) process.kill(pid, "SIGKILL");
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
