import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually } from "@patchbay/testkit";
import { type Mesh, startMesh } from "../../src/index.ts";
import { reached, sentAnother, startLoad } from "../support/load.ts";
import { createOperator } from "../support/operator.ts";
import { endOf, spawnSidecar, startSidecarHere, startWeb } from "../support/workload.ts";

describe("kill -9 of the sidecar of one of two instances under load", () => {
  let mesh: Mesh;
  let stateDir = "";
  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "patchbay-faults-"));
    mesh = await startMesh({ stateDir, mode: "processes" });
  });
  after(async () => {
    await mesh.stop();
    await rm(stateDir, { recursive: true, force: true });
  });

  const endpointsOf = async (service: string) => {
    const { resolution } = await createOperator(mesh).explain(service);
    return resolution?.branches.flatMap(({ endpoints }) => endpoints) ?? [];
  };

  for (const [name, maxAttempts] of [
    ["with retries fails no GET, and of POST at most those in flight", 3],
    ["without retries fails at most the requests in flight", 1],
  ] as const) {
    it(name, async (t) => {
      const service = `web-${maxAttempts}`;
      await using one = await startWeb();
      await using two = await startWeb();
      await using stays = spawnSidecar(mesh, service, one.port);
      await using dies = spawnSidecar(mesh, service, two.port);
      await using client = await startSidecarHere(mesh, `client-${maxAttempts}`, { limits: { maxAttempts } });
      await reached(client.outboundPort, service);
      await eventually(async () => (await endpointsOf(service)).length === 2);
      const load = startLoad({ port: client.outboundPort, urls: [`http://${service}/`] });
      await eventually(() => one.served() > 100 && two.served() > 100);
      // The first moments, when connections are made, are not what is looked at.
      await eventually(() => load.inFlight() < 40);
      const before = load.sent() - load.inFlight();
      await endOf(dies.child, "SIGKILL");
      // At the moment when it was gone, which is a little after the signal.
      const inFlight = load.sent() - before;
      const served = two.served();
      await sentAnother(load, 1_500);
      t.diagnostic(`${inFlight} in flight at the kill; ${await load.stop()}`);
      assert.ok(load.failures.length <= inFlight, JSON.stringify(load.failures.slice(0, 3)));
      if (maxAttempts > 1)
        assert.deepEqual(
          load.failures.filter(({ method }) => method === "GET"),
          [],
        );
      assert.ok(two.served() - served < 10, "nothing came to the other one afterwards");
      const posted = [...one.posted, ...two.posted];
      assert.equal(new Set(posted).size, posted.length, "no POST was executed twice");
      // Within the lease of 5 s, and what a busy machine takes.
      await eventually(async () => (await endpointsOf(service)).length === 1);
      assert.equal(stays.child.exitCode, null);
    });
  }
});
