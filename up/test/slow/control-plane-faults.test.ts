import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "@patchbay/testkit";
import { type Mesh, startMesh } from "../../src/index.ts";
import { reached, sentAnother, startLoad } from "../support/load.ts";
import { createOperator, type Operator } from "../support/operator.ts";
import { probe, startProber } from "../support/probe.ts";
import { canaryOf, denyFrom, limitOf, save } from "../support/resources.ts";
import { startSidecarHere, startWeb } from "../support/workload.ts";

const slowlyMs = 30_000;
const processes = ["registry", "identity", "destination", "tap", "policy", "telemetry", "nats-server"];

test("kill -9 of each process of the control plane under load fails no request, and nothing is miscounted", async (t) => {
  const stateDir = await mkdtemp(join(tmpdir(), "patchbay-faults-"));
  t.after(() => rm(stateDir, { recursive: true, force: true }));
  await using mesh = await startMesh({ stateDir, mode: "processes" });
  const operator = createOperator(mesh);
  await save(mesh, "no-staging", denyFrom("no-staging", "staging"));
  await save(mesh, "limit", limitOf(["few", "web"], "/few", 3));
  await save(mesh, "canary", canaryOf("web", 20));
  await using web = await startWeb();
  await using next = await startWeb();
  await using _next = await startSidecarHere(mesh, "web-next", { port: next.port });
  await using _one = await startSidecarHere(mesh, "web", { port: web.port });
  await using _two = await startSidecarHere(mesh, "web", { port: web.port });
  // Without retries: they would hide what the control plane does to requests.
  await using client = await startSidecarHere(mesh, "client", { limits: { maxAttempts: 1 } });
  const first = await reached(client.outboundPort, "web");
  await using staging = await startSidecarHere(mesh, "web", { namespace: "staging" });
  await using _few = await startSidecarHere(mesh, "few", { port: web.port });
  await using guest = await startSidecarHere(mesh, "guest");
  const ask = async (port: number, url: string) => (await probe(port, url)).status;
  await eventually(async () => (await ask(staging.outboundPort, "http://web.default/")) === 403);
  // Three at its only proxy; within the hour nothing is left from here on, whatever is started again.
  await eventually(async () => (await ask(guest.outboundPort, "http://few/few")) === 429);
  const denied = startProber(staging.outboundPort, "http://web.default/");
  const limited = startProber(guest.outboundPort, "http://few/few");

  const load = startLoad({ port: client.outboundPort, urls: ["http://web/"] });
  await sentAnother(load, 300);
  await eventually(() => next.served() > 0);
  for (const [index, name] of processes.entries()) {
    const from = load.sent();
    await killAndWait(mesh, operator, name);
    // A name that nobody has asked for yet needs every service: who serves it, its certificate, who may know it.
    await using fresh = await startSidecarHere(mesh, `fresh-${index}`, { port: web.port });
    await reached(client.outboundPort, `fresh-${index}`);
    await fresh.drain();
    await sentAnother(load, 300);
    t.diagnostic(`${name}: ${load.sent() - from} requests meanwhile, ${load.failures.length} failed so far`);
    assert.deepEqual(load.failures.slice(0, 5), []);
  }
  t.diagnostic(await load.stop());
  assert.deepEqual(load.failures.slice(0, 5), []);
  const posted = [...web.posted, ...next.posted];
  assert.equal(new Set(posted).size, posted.length, "no POST was executed twice");
  t.diagnostic(`denied: ${await denied.stop()}; limited: ${await limited.stop()}`);
  assert.deepEqual([...denied.seen.keys()], [403]);
  assert.deepEqual([...limited.seen.keys()], [429]);
  const share = next.served() / (web.served() + next.served());
  assert.ok(share > 0.15 && share < 0.25, `${share} of the requests went to the canary, 0.2 should have`);

  // The client's last report is made when it stops.
  await client.stop();
  const sent = load.sent() + first;
  const counted = await eventually(async () => {
    const { rows, partial } = await operator.stat("client");
    const row = rows.find(({ target }) => target === "web");
    return !partial && Number(row?.requests) >= sent && row;
  }, slowlyMs);
  assert.deepEqual([Number(counted.requests), Number(counted.failures)], [sent, 0]);
});

async function killAndWait(mesh: Mesh, operator: Operator, name: string): Promise<void> {
  const service = mesh.services.find((each) => each.name === name);
  const restarts = () => service?.restarts() ?? mesh.nats.restarts();
  const pid = service ? service.pid() : await mesh.nats.pid();
  const instances = await instancesOf(operator);
  assert.ok(pid);
  process.kill(pid, "SIGKILL");
  await eventually(() => restarts() === 1);
  await eventually(async () => {
    if (service && (await instancesOf(operator)).get(name) === instances.get(name)) return false;
    const pages = await Promise.all(
      [...instances.keys()].map(async (each) => fetch(`${await operator.addressOf(each)}/readyz`)),
    );
    return pages.every(({ status }) => status === 200);
  }, slowlyMs);
}

async function instancesOf(operator: Operator): Promise<Map<string, string>> {
  const { Kind } = await import("@patchbay/proto/mesh/registry/v1/registry_pb");
  const { State } = await import("@patchbay/proto/mesh/common/v1/state_pb");
  const all = await operator.registrations(Kind.CORE);
  return new Map(
    all
      .filter(({ state }) => state === State.READY)
      .map(({ announce }) => [announce?.name ?? "", announce?.instance ?? ""]),
  );
}
