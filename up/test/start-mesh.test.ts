import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "@connectrpc/connect";

import { readRunFile, spawnSupervised } from "@patchbay/process";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, Registry } from "@patchbay/proto/mesh/registry/v1/registry_pb";

import { eventually } from "@patchbay/testkit";
import { createTransport } from "@patchbay/wire";
import { freePort } from "../src/free-port.ts";
import { type Mesh, MeshRunningError, PortTakenError, startMesh } from "../src/index.ts";
import { waitForNats } from "../src/nats/wait-for-nats.ts";
import { assertNothingLeft, type Traces } from "./support/aftermath.ts";

const fixture = fileURLToPath(new URL("fixtures/start-mesh.ts", import.meta.url));
const names = ["registry", "identity", "destination", "tap", "policy", "telemetry"];

describe("a mesh", () => {
  let stateDir = "";

  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "patchbay-up-"));
  });
  afterEach(() => rm(stateDir, { recursive: true, force: true }));

  for (const mode of ["single", "processes"] as const) {
    it(`of mode "${mode}" has all services ready, is found by its run file, and leaves nothing when it stops`, async () => {
      await using mesh = await startMesh({ stateDir, mode, defaultAuthorization: "deny" });
      const traces = await tracesOf(mesh);
      assert.deepEqual((await readyNames(mesh)).sort(), [...names].sort());
      const run = await readRunFile(stateDir);
      assert.deepEqual([run?.address, run?.mode, run?.pid], [mesh.address, mode, process.pid]);
      assert.equal(run?.defaultAuthorization, "deny");
      await mesh.stop();
      await assertNothingLeft(traces);
    });
  }

  it("is refused beside one that runs from the same state folder", async () => {
    await using mesh = await startMesh({ stateDir });
    await assert.rejects(startMesh({ stateDir }), (error: unknown) => {
      assert.ok(error instanceof MeshRunningError);
      assert.ok(error.message.includes(String(process.pid)) && error.message.includes(mesh.address));
      return true;
    });
    assert.equal((await readyNames(mesh)).length, names.length);
  });

  it("starts again after it stopped, and after it was killed", async () => {
    const killed = await startElsewhere(stateDir, "single");
    killed.child.kill("SIGKILL");
    await once(killed.child, "exit");
    for (const _time of [1, 2]) await (await startMesh({ stateDir })).stop();
  });

  for (const mode of ["single", "processes"] as const) {
    it(`of mode "${mode}" leaves no process or port when its process is killed`, async () => {
      const { child, pids, addresses } = await startElsewhere(stateDir, mode);
      child.kill("SIGKILL");
      await once(child, "exit");
      // The run file of a killed process stays, and nobody believes it.
      assert.equal(await readRunFile(stateDir), undefined);
      await rm(join(stateDir, "run.json"));
      await rm(join(stateDir, "mesh.lock"));
      await rm(join(stateDir, "nats", "url"));
      await assertNothingLeft({ stateDir, pids, addresses });
    });
  }

  it("starts a service again that was killed, the registry at its old address", async () => {
    await using mesh = await startMesh({ stateDir, mode: "processes" });
    for (const service of mesh.services) {
      const pid = service.pid();
      assert.ok(pid);
      process.kill(pid, "SIGKILL");
      await eventually(`${service.name} runs again`, () => service.restarts() === 1 && service.pid() !== undefined);
    }
    await eventually("all are ready", async () => (await readyNames(mesh).catch(() => [])).length === names.length);
  });

  it("whose port is taken says so, or takes another when it may", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    await assert.rejects(startMesh({ stateDir, port }), PortTakenError);
    await using mesh = await startMesh({ stateDir, port, orFreePort: true });
    assert.notEqual(new URL(mesh.address).port, String(port));
    server.close();
  });

  it("uses a nats-server of the user's own, and leaves it running", async () => {
    const port = await freePort("127.0.0.1");
    const server = spawnSupervised(
      "nats-server",
      ["-js", "-sd", join(stateDir, "foreign"), "-a", "127.0.0.1", "-p", String(port)],
      {
        stdio: ["ignore", "ignore", "ignore"],
      },
    );
    await waitForNats("127.0.0.1", port, { timeoutMs: 5_000 });
    const mesh = await startMesh({ stateDir, env: { ...process.env, MESH_NATS_URL: `nats://127.0.0.1:${port}` } });
    assert.equal(mesh.nats.origin, "foreign");
    assert.equal((await readyNames(mesh)).length, names.length);
    await mesh.stop();
    await waitForNats("127.0.0.1", port, { timeoutMs: 1_000 });
    server.kill("SIGTERM");
    await once(server, "exit");
  });

  it("that is told to stop while it starts leaves nothing", async () => {
    const signal = AbortSignal.timeout(100);
    await assert.rejects(startMesh({ stateDir, signal }));
    await assertNothingLeft({ stateDir, pids: [], addresses: [] });
  });

  it("lets its operator in by the token of its address, and nobody without one", async () => {
    await using mesh = await startMesh({ stateDir });
    assert.equal((await readyNames(mesh)).length, names.length);
    await assert.rejects(readyNames({ ...mesh, token: "guess" }), /unauthenticated/i);
  });
});

async function readyNames(mesh: Pick<Mesh, "address" | "token">): Promise<string[]> {
  const transport = createTransport({ address: mesh.address, token: () => mesh.token });
  try {
    const { registrations } = await createClient(Registry, transport).list({ kinds: [Kind.CORE] });
    return registrations.filter((each) => each.state === State.READY).map((each) => each.announce?.name ?? "");
  } finally {
    transport.close();
  }
}

async function tracesOf(mesh: Mesh): Promise<Traces> {
  const pids = [await mesh.nats.pid(), ...mesh.services.map((each) => each.pid())];
  return {
    stateDir: mesh.stateDir,
    pids: pids.filter((pid): pid is number => pid !== undefined && pid !== process.pid),
    addresses: [mesh.address, mesh.nats.url],
  };
}

/** A mesh in a process of its own, which can be killed. */
async function startElsewhere(stateDir: string, mode: string) {
  const child = spawn(process.execPath, [fixture, stateDir, mode], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(child.stdout, "data");
  const { pids, addresses } = JSON.parse(String(line)) as { pids: number[]; addresses: string[] };
  return { child, pids, addresses };
}
