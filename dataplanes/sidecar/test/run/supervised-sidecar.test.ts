import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { eventually } from "@patchbay/testkit";
import { startSupervisedSidecar } from "../../src/run/supervised-sidecar.ts";
import { createStateDir, startTestMesh } from "../support/mesh.ts";
import { commandOf, descendants } from "../support/processes.ts";

describe("a supervised sidecar", () => {
  it("that dies after draining is started again, also while nobody knows the mesh's address, and stays unready", async () => {
    await using dir = await createStateDir();
    await using mesh = await startTestMesh(dir.path);
    const registry = () => (asked++ === 0 ? Promise.resolve(mesh.mesh.address) : Promise.reject(new Error("no file")));
    let asked = 0;
    const sidecar = await startSupervisedSidecar({
      stateDir: dir.path,
      name: "leaving",
      namespace: "default",
      appPort: 1,
      listens: [],
      env: process.env,
      registry,
      note: () => undefined,
    });
    sidecar.setReadiness({ ready: true, reason: "" });
    await eventually("it is ready", async () => (await mesh.workloads("leaving")).length === 1);
    const before = await mesh.proxies("leaving");
    await sidecar.drain(5_000);
    for (const pid of await descendants(process.pid))
      if ((await commandOf(pid)).includes("sidecar/src/main.ts")) process.kill(pid, "SIGKILL");
    const isNew = (instance = "") => before.every(({ announce }) => announce?.instance !== instance);
    const next = async () => (await mesh.proxies("leaving")).find(({ announce }) => isNew(announce?.instance));
    await eventually("another one is there", async () => (await next()) !== undefined);
    assert.equal((await next())?.state, State.STARTING);
    await sidecar.stop(2_000);
  });
});
