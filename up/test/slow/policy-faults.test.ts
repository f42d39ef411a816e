import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { pause } from "@patchbay/model";

import { spawnDieWithParent } from "@patchbay/process";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";

import { GroupBy } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import type { Sidecar } from "@patchbay/sidecar";
import { eventually } from "@patchbay/testkit";
import { type Mesh, startMesh } from "../../src/index.ts";
import { reached, sentAnother, startLoad } from "../support/load.ts";
import { createOperator, type Operator } from "../support/operator.ts";
import { probe, startProber } from "../support/probe.ts";
import { askPlugin, canaryOf, denyFrom, save, unsave } from "../support/resources.ts";
import { endOf, startSidecarHere, startWeb, type Web } from "../support/workload.ts";

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url));
const patienceMs = 30_000;

describe("policy and tap, as processes", () => {
  const stack = new AsyncDisposableStack();
  let mesh: Mesh;
  let operator: Operator;
  let web: Web;
  let client: Sidecar;
  let staging: Sidecar;

  before(async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "patchbay-faults-"));
    stack.defer(() => rm(stateDir, { recursive: true, force: true }));
    mesh = stack.use(await startMesh({ stateDir, mode: "processes" }));
    operator = createOperator(mesh);
    web = stack.use(await startWeb(1));
    // Without retries: they would hide what happens to single requests.
    client = stack.use(await startSidecarHere(mesh, "client", { limits: { maxAttempts: 1 } }));
    staging = stack.use(await startSidecarHere(mesh, "web", { namespace: "staging", limits: { maxAttempts: 1 } }));
  });
  after(() => stack.disposeAsync());

  const asked = async (from: Sidecar, service: string, path = ""): Promise<number> =>
    (await probe(from.outboundPort, `http://${service}.default/${path}`)).status;
  const becomes = (status: number, from: Sidecar, service: string): Promise<unknown> =>
    eventually(async () => (await asked(from, service)) === status);

  it("a saved file is in force on every sidecar, by requests", async (t) => {
    const names = Array.from({ length: 6 }, (_, index) => `flip-${index}`);
    await using sidecars = new AsyncDisposableStack();
    for (const name of names) sidecars.use(await startSidecarHere(mesh, name, { port: web.port }));
    for (const name of names) await becomes(200, staging, name);
    const times: number[] = [];
    for (let flip = 0; flip < 10; flip += 1) {
      const [who, status] = flip % 2 === 0 ? ["staging", 403] : ["nobody", 200];
      const from = performance.now();
      await save(mesh, "flip", denyFrom("flip", String(who)));
      await Promise.all(
        names.map(async (name) => {
          while ((await asked(staging, name)) !== status) {
            assert.ok(performance.now() - from < patienceMs, `${name} never answered ${status}`);
            await pause(5);
          }
          times.push(performance.now() - from);
        }),
      );
    }
    const sorted = times.toSorted((a, b) => a - b);
    const slowest = sorted.at(-1) ?? 0;
    t.diagnostic(`60 times, p50 ${Math.round(sorted[30] ?? 0)} ms, max ${Math.round(slowest)} ms`);
    await unsave(mesh, "flip");
  });

  it("a sidecar that starts while policy is dead enforces what it had, or else the mesh's default", async (t) => {
    await save(mesh, "no-staging", denyFrom("no-staging", "staging"));
    const serves = { port: web.port };
    const remembers = { ...serves, stateDir: mesh.stateDir };
    const first = await startSidecarHere(mesh, "late", remembers);
    await becomes(403, staging, "late");
    await first.stop();

    const policy = keepDead("policy");
    await eventually(async () => !(await isReady("policy")));
    await using _late = await startSidecarHere(mesh, "late", remembers);
    await using _bare = await startSidecarHere(mesh, "bare", { ...serves, defaultAuthorization: "deny" });
    await becomes(200, client, "late");
    await becomes(403, client, "bare");
    const denied = startProber(staging.outboundPort, "http://late.default/");
    const allowed = startProber(client.outboundPort, "http://late.default/");
    await pause(500);
    assert.equal(await asked(client, "bare"), 403);
    policy.live();
    // Now it is told what is in force, and that the mesh allows what no policy is about.
    await becomes(200, client, "bare");
    await becomes(403, staging, "bare");
    const results = [await denied.stop(), await allowed.stop()];
    t.diagnostic(`killed ${policy.kills()} times; staging: ${results[0]}; client: ${results[1]}`);
    assert.deepEqual([[...denied.seen.keys()], [...allowed.seen.keys()]], [[403], [200]]);
    const { proxies } = await eventually(async () => {
      const status = await operator.policies();
      return status.proxies.every(({ version, wanted }) => version === wanted) && status;
    }, patienceMs);
    assert.ok(proxies.some(({ workload }) => workload === "late"));
  });

  it("policy that hangs fails no request and delays no name for long, and tells what was saved meanwhile when it is back", async (t) => {
    await save(mesh, "no-staging", denyFrom("no-staging", "staging"));
    await using _steady = await startSidecarHere(mesh, "steady", { port: web.port });
    await becomes(200, client, "steady");
    await becomes(403, staging, "steady");
    const load = startLoad({ port: client.outboundPort, urls: ["http://steady/"], perSecond: 300 });
    const denied = startProber(staging.outboundPort, "http://steady.default/");
    const policy = pidOf("policy");
    process.kill(policy, "SIGSTOP");
    try {
      const from = performance.now();
      await using _fresh = await startSidecarHere(mesh, "fresh", { port: web.port });
      await becomes(200, client, "fresh");
      t.diagnostic(`a sidecar that has just started answered after ${Math.round(performance.now() - from)} ms`);
      await denied.stop();
      assert.deepEqual([...denied.seen.keys()], [403]);
      await save(mesh, "no-staging", denyFrom("no-staging", "nobody"));
      await sentAnother(load, 1_000);
    } finally {
      process.kill(policy, "SIGCONT");
    }
    const back = performance.now();
    await becomes(200, staging, "steady");
    t.diagnostic(`in force ${Math.round(performance.now() - back)} ms after it was back; ${await load.stop()}`);
    assert.deepEqual(load.failures.slice(0, 3), []);
    await unsave(mesh, "no-staging");
  });

  it("a canary moves from 90/10 to 50/50 under load without an error, as stat tells", async (t) => {
    await save(mesh, "canary", canaryOf("cart", 10));
    await using _cart = await startSidecarHere(mesh, "cart", { port: web.port });
    await using _next = await startSidecarHere(mesh, "cart-next", { port: web.port });
    await using buyer = await startSidecarHere(mesh, "buyer", { limits: { maxAttempts: 1 } });
    await becomes(200, buyer, "cart-next");
    await reached(buyer.outboundPort, "cart");
    const load = startLoad({ port: buyer.outboundPort, urls: ["http://cart/"] });
    const before = await shareOver(load, 1_200);
    await save(mesh, "canary", canaryOf("cart", 50));
    await pause(1_500);
    const later = await shareOver(load, 1_200);
    t.diagnostic(`${before.toFixed(3)}, then ${later.toFixed(3)} to the canary; ${await load.stop()}`);
    assert.deepEqual(load.failures.slice(0, 3), []);
    assert.ok(Math.abs(before - 0.1) < 0.04, `${before}`);
    assert.ok(Math.abs(later - 0.5) < 0.06, `${later}`);
  });

  /** Of what is counted while so many requests are sent, what went to the canary. */
  async function shareOver(load: ReturnType<typeof startLoad>, requests: number): Promise<number> {
    const from = await backends();
    await sentAnother(load, requests);
    await pause(1_500);
    const until = await backends();
    const [cart = 0, next = 0] = until.map((count, index) => count - (from[index] ?? 0));
    return next / (cart + next);
  }

  async function backends(): Promise<readonly number[]> {
    const { rows } = await operator.stat("buyer", GroupBy.BACKEND);
    return ["cart", "cart-next"].map((name) => {
      const row = rows.find(({ target, backend }) => target === "cart" && backend === name);
      return Number(row?.requests ?? 0n);
    });
  }

  describe("a tap", () => {
    let served: Sidecar;
    before(async () => {
      served = stack.use(await startSidecarHere(mesh, "tapped", { port: web.port }));
      await becomes(200, client, "tapped");
    });

    it("of a client that is killed ends at the sidecars, and has left its audit line", async (t) => {
      const watcher = await watch();
      assert.equal(await asked(client, "tapped"), 200);
      // The request is shown within a second, and counted when it is.
      await pause(1_000);
      await endOf(watcher, "SIGKILL");
      const from = performance.now();
      await eventually(() => served.stats().taps === 0 && client.stats().taps === 0);
      t.diagnostic(`ended at the sidecars after ${Math.round(performance.now() - from)} ms`);
      const line = await eventually(async () => {
        const lines = (await readFile(join(mesh.stateDir, "logs", "tap.log"), "utf8")).split("\n");
        return lines.find((each) => each.includes("tap ended") && each.includes("who-is-killed"));
      }, patienceMs);
      t.diagnostic(line);
      assert.match(line, /target=default\/tapped/);
      assert.match(line, /the caller went away/);
      assert.match(line, /"requests":1\b/);
    });

    it("whose service is killed ends at the sidecars and at the client, and works again when it is back", async (t) => {
      const watcher = await watch();
      const ended = once(watcher, "exit");
      const load = startLoad({ port: client.outboundPort, urls: ["http://tapped/"], perSecond: 100 });
      process.kill(pidOf("tap"), "SIGKILL");
      const from = performance.now();
      await eventually(() => served.stats().taps === 0 && client.stats().taps === 0);
      const goneMs = Math.round(performance.now() - from);
      await ended;
      t.diagnostic(
        `after ${goneMs} ms at the sidecars, after ${Math.round(performance.now() - from)} ms at the client`,
      );
      await eventually(async () => await isReady("tap"));
      await endOf(await watch(), "SIGKILL");
      await eventually(() => served.stats().taps === 0);
      t.diagnostic(await load.stop());
      assert.deepEqual(load.failures.slice(0, 3), []);
    });

    /** A process that watches, once its selection is in force at both ends. */
    async function watch(): Promise<ChildProcess> {
      const args = [await operator.addressOf("tap"), mesh.token, "default/tapped"];
      const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", fixture("watch-tap"), ...args], {
        stdio: "ignore",
      });
      stack.defer(() => endOf(child, "SIGKILL"));
      await eventually(() => served.stats().taps === 1 && client.stats().taps === 1);
      return child;
    }
  });

  it("a plugin that hangs costs its own requests the deadline, others nothing, and is asked again when it is back", async (t) => {
    const env = { ...process.env, MESH_STATE_DIR: mesh.stateDir, MESH_REGISTRY: mesh.address };
    const plugin = spawnDieWithParent(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", fixture("authorizer")],
      {
        env,
        stdio: ["ignore", "ignore", "ignore"],
      },
    );
    await using _plugin = { [Symbol.asyncDispose]: () => endOf(plugin, "SIGKILL") };
    for (const name of ["strict", "lenient", "other"])
      stack.use(await startSidecarHere(mesh, name, { port: web.port }));
    await save(mesh, "strict", askPlugin("strict", "doorman", "Closed"));
    await save(mesh, "lenient", askPlugin("lenient", "doorman", "Open"));
    const decides = async (): Promise<boolean> => {
      const answers = await Promise.all(
        ["strict", "lenient"].map(async (name) => [await asked(client, name), await asked(client, name, "closed")]),
      );
      return String(answers) === "200,403,200,403";
    };
    await eventually(decides);

    const others = startLoad({ port: client.outboundPort, urls: ["http://other/"], perSecond: 300 });
    plugin.kill("SIGSTOP");
    const strict = startProber(client.outboundPort, "http://strict/closed");
    const lenient = startProber(client.outboundPort, "http://lenient/closed");
    await sentAnother(others, 2_000);
    const [closed, open] = [await strict.stop(), await lenient.stop()];
    t.diagnostic(`closed: ${closed}; open: ${open}`);
    assert.deepEqual([[...strict.seen.keys()], [...lenient.seen.keys()]], [[503], [200]]);
    t.diagnostic(`the slowest took ${strict.slowestMs()} and ${lenient.slowestMs()} ms`);

    plugin.kill("SIGCONT");
    const from = performance.now();
    await eventually(decides);
    t.diagnostic(`decides again after ${Math.round(performance.now() - from)} ms`);

    // Questions go by way of policy: without it nobody is let in whom the plugin would refuse, and who may come in only waits.
    const refused = startProber(client.outboundPort, "http://strict/closed");
    process.kill(pidOf("policy"), "SIGKILL");
    const dead = performance.now();
    await eventually(async () => (await asked(client, "strict")) === 503);
    await eventually(decides);
    t.diagnostic(`decides ${Math.round(performance.now() - dead)} ms after policy was killed; ${await refused.stop()}`);
    assert.deepEqual(new Set([...refused.seen.keys(), 403, 503]), new Set([403, 503]));
    t.diagnostic(`the slowest took ${refused.slowestMs()} ms`);
    t.diagnostic(`others: ${await others.stop()}`);
    assert.deepEqual(others.failures.slice(0, 3), []);
  });

  function pidOf(name: string): number {
    const pid = mesh.services.find((each) => each.name === name)?.pid();
    assert.ok(pid, `${name} runs`);
    return pid;
  }

  async function isReady(name: string): Promise<boolean> {
    const all = await operator.registrations(Kind.CORE);
    return all.some(({ announce, state }) => announce?.name === name && state === State.READY);
  }

  /** Kills a service as soon as it is started again, until it may live. */
  function keepDead(name: string): { live(): void; kills(): number } {
    let kills = 0;
    const timer = setInterval(() => {
      const pid = mesh.services.find((each) => each.name === name)?.pid();
      if (pid !== undefined && process.kill(pid, "SIGKILL")) kills += 1;
    }, 20);
    return { live: () => clearInterval(timer), kills: () => kills };
  }
});
