import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { spawnDieWithParent } from "@patchbay/process";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";

import { Answer, type Step } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { Kind, type Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { Sidecar } from "@patchbay/sidecar";
import { eventually } from "@patchbay/testkit";
import { connectEvents, noLog, STREAMS } from "@patchbay/wire";
import { type Mesh, startMesh } from "../../src/index.ts";
import { type Load, reached, sentAnother, startLoad } from "../support/load.ts";
import { createOperator, type Operator } from "../support/operator.ts";
import { endOf, startSidecarHere, startWeb, type Web } from "../support/workload.ts";

const fixture = fileURLToPath(new URL("../fixtures/plugin.ts", import.meta.url));
/** Two leases and what a busy machine takes. */
const twoLeasesMs = 15_000;
const patienceMs = 30_000;

describe("a plugin that is asked for every name", () => {
  const startedAt = new Date();
  let stateDir = "";
  let mesh: Mesh;
  let operator: Operator;
  let web: Web;
  let server: Sidecar;
  let client: Sidecar;
  let plugin: ChildProcess;

  const handledFile = (): string => join(stateDir, "handled");
  const startPlugin = (): ChildProcess =>
    spawnDieWithParent(process.execPath, ["--disable-warning=ExperimentalWarning", fixture, handledFile()], {
      env: { ...process.env, MESH_STATE_DIR: stateDir, MESH_REGISTRY: mesh.address },
      stdio: ["ignore", "ignore", "ignore"],
    });

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "patchbay-faults-"));
    mesh = await startMesh({ stateDir, mode: "processes" });
    operator = createOperator(mesh);
    plugin = startPlugin();
    await eventually(async () => (await latest(operator))?.state === State.READY);
    web = await startWeb();
    server = await startSidecarHere(mesh, "web", { port: web.port });
    client = await startSidecarHere(mesh, "client");
    await reached(client.outboundPort, "old.names");
  });
  after(async () => {
    await endOf(plugin, "SIGKILL");
    await client.stop();
    await server.stop();
    await web[Symbol.asyncDispose]();
    await mesh.stop();
    await rm(stateDir, { recursive: true, force: true });
  });

  const cases = [
    { signal: "SIGTERM", stale: false, state: State.GONE, why: /drained/ },
    { signal: "SIGKILL", stale: true, state: State.DEGRADED, why: /stream|connection/ },
    { signal: "SIGSTOP", stale: true, state: State.DEGRADED, why: /stopped or blocked/ },
  ] as const;
  for (const { signal, stale, state, why } of cases) {
    it(`hurts only its own name when it gets ${signal}, and everything is back when it is`, async (t) => {
      const others = startLoad({
        port: client.outboundPort,
        urls: ["http://web/", `http://127.0.0.1:${web.port}/`],
        perSecond: 500,
      });
      const own = startLoad({ port: client.outboundPort, urls: ["http://old.names/"], perSecond: 100 });
      await sentAnother(others, 200);
      const instance = (await latest(operator))?.announce?.instance;

      plugin.kill(signal);
      const seen = await watchFall(operator, own);
      for (const step of seen) t.diagnostic(`explain: ${step.stale ? "stale, " : ""}${step.detail}; ${step.why}`);
      assert.equal(
        seen.some((step) => step.stale),
        stale,
      );
      const now = await eventually(async () => {
        const found = (await all(operator)).find(({ announce }) => announce?.instance === instance);
        return found?.history.find((each) => each.state === state && why.test(each.reason));
      }, twoLeasesMs);
      t.diagnostic(`registry: ${now.reason}`);
      // A name that was never asked for while it was there.
      await using fresh = await startSidecarHere(mesh, `fresh-${signal.toLowerCase()}`, { port: web.port });
      await reached(client.outboundPort, `fresh-${signal.toLowerCase()}`);
      await fresh.drain();

      const waiting = await pendingOf(operator);
      await eventually(async () => (await pendingOf(operator)) > waiting + 3);
      t.diagnostic(`${await pendingOf(operator)} events wait`);

      if (signal === "SIGSTOP") plugin.kill("SIGCONT");
      else {
        await endOf(plugin, signal);
        plugin = startPlugin();
      }
      await reached(client.outboundPort, "old.names");
      await eventually(async () => (await latest(operator))?.state === State.READY);
      await eventually(async () => (await pendingOf(operator)) <= 4);
      t.diagnostic(`others: ${await others.stop()}; own: ${await own.stop()}`);
      assert.deepEqual(others.failures.slice(0, 3), []);
    });
  }

  it("has handled every report in the end", async (t) => {
    await client.stop();
    await server.stop();
    const published = await publishedReports(mesh, startedAt);
    const handled = async (): Promise<string[]> => (await readFile(handledFile(), "utf8")).split("\n").filter(Boolean);
    // Those from before the plugin was there are none of its own.
    const expected = published.slice(published.indexOf((await handled())[0] ?? ""));
    assert.ok(expected.length > 20, `${expected.length} reports`);
    const missing = async (): Promise<string[]> => {
      const known = new Set(await handled());
      return expected.filter((id) => !known.has(id));
    };
    await eventually(async () => (await missing()).length === 0);
    await eventually(async () => (await pendingOf(operator)) === 0);
    const times = (await handled()).length;
    t.diagnostic(
      `${published.length} reports, ${expected.length} for the plugin, ${times - expected.length} of them twice`,
    );
  });
});

async function all(operator: Operator): Promise<readonly Registration[]> {
  return (await operator.registrations(Kind.PLUGIN)).filter(({ announce }) => announce?.name === "names");
}

/** The instance that is not gone; of several the last. */
async function latest(operator: Operator): Promise<Registration | undefined> {
  return (await all(operator)).filter(({ state }) => state !== State.GONE).at(-1);
}

async function pendingOf(operator: Operator): Promise<number> {
  const backlogs = (await all(operator)).map(({ backlog }) => backlog.find((each) => each.class === "report"));
  return Math.max(0, ...backlogs.map((backlog) => Number(backlog?.pending ?? 0n)));
}

/** What explain says of the plugin, each thing once, until its name is no longer rewritten. While it is, no request fails. */
async function watchFall(operator: Operator, own: Load): Promise<Step[]> {
  const seen: Step[] = [];
  await eventually(async () => {
    const failed = own.failures.length;
    const { steps } = await operator.explain("old.names");
    const step = steps.find(({ resolver }) => resolver === "plugin/names");
    const last = seen.at(-1);
    if (step && (step.answer !== last?.answer || step.stale !== last.stale)) seen.push(step);
    assert.doesNotMatch(step?.detail ?? "", /Resolution note/, "what the gRPC library adds for itself is left out");
    if (step?.answer !== Answer.REWRITE) return true;
    assert.equal(failed, 0, JSON.stringify(own.failures[0]));
    return false;
  }, patienceMs);
  return seen;
}

/** Ids of all reports, in the order of the stream. */
async function publishedReports(mesh: Mesh, since: Date): Promise<string[]> {
  const seed = (await readFile(mesh.nats.seedFile, "utf8")).trim();
  const bus = await connectEvents({ servers: mesh.nats.url, name: "test", seed, log: noLog });
  const ids: string[] = [];
  await bus.replay({ stream: STREAMS.report, since, onMessage: ({ headers }) => ids.push(headers.get("ce-id") ?? "") });
  await bus.close();
  return ids;
}
