import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { ObjectiveState } from "@patchbay/proto/mesh/common/v1/objective_pb";
import { ObjectiveChangedSchema } from "@patchbay/proto/mesh/event/v1/event_pb";
import { type Objective, Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { eventually } from "@patchbay/testkit";
import { connectEvents, createTransport, noLog, STREAMS, sloSubject } from "@patchbay/wire";
import { type Mesh, startMesh } from "../src/index.ts";
import { createOperator } from "./support/operator.ts";
import { startSidecarHere } from "./support/workload.ts";

const FILE = `
apiVersion: patchbay.dev/v1alpha1
kind: ServiceLevelObjective
metadata: { name: till-works }
spec: { target: { name: till }, source: { name: web }, objective: 90, windows: { short: 10s, long: 1m }, burnRate: 2 }
---
apiVersion: patchbay.dev/v1alpha1
kind: ServiceLevelObjective
metadata: { name: nobody-asks }
spec: { target: { name: users }, objective: 99 }
`;

/** Serves on a free port of loopback; every third request fails. */
async function startTill() {
  let served = 0;
  const server = createServer((_request, response) => {
    served += 1;
    response.writeHead(served % 3 === 0 ? 500 : 200).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address);
  return {
    port: address.port,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function ask(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, path: "http://till/pay", agent: false });
    call.once("error", reject).once("response", (response) => void response.resume().once("close", resolve));
    call.end();
  });
}

async function objectivesOf(mesh: Mesh): Promise<readonly Objective[]> {
  const address = await createOperator(mesh).addressOf("policy");
  const transport = createTransport({ address, token: () => mesh.token });
  try {
    return (await createClient(Policy, transport).listObjectives({})).objectives;
  } finally {
    transport.close();
  }
}

/** All slo events that are stored. */
async function sloEvents(mesh: Mesh) {
  const seed = (await readFile(mesh.nats.seedFile, "utf8")).trim();
  const bus = await connectEvents({ servers: [mesh.nats.url], name: "test", seed, log: noLog });
  const events: { subject: string; headers: ReadonlyMap<string, string>; data: Uint8Array }[] = [];
  try {
    await bus.replay({ stream: STREAMS.slo, since: new Date(0), onMessage: (event) => void events.push(event) });
  } finally {
    await bus.close();
  }
  return events;
}

it("an objective in a file burns when a third of its requests fail, and says so in one event", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "patchbay-objectives-"));
  try {
    await mkdir(join(stateDir, "resources"), { recursive: true });
    await writeFile(join(stateDir, "resources", "slo.yaml"), FILE);
    await using mesh = await startMesh({ stateDir });
    using till = await startTill();
    await using server = await startSidecarHere(mesh, "till", { port: till.port });
    server.setReadiness({ ready: true, reason: "" });
    await using caller = await startSidecarHere(mesh, "web");
    let objectives: readonly Objective[] = [];
    await eventually("the objective burns", async () => {
      for (let i = 0; i < 6; i += 1) await ask(caller.outboundPort);
      objectives = await objectivesOf(mesh);
      return objectives.some(({ state }) => state === ObjectiveState.BURNING);
    });
    const [quiet, burning] = [...objectives].sort((one, other) => (one.name < other.name ? -1 : 1));
    assert.deepEqual([quiet?.name, quiet?.state, quiet?.source], ["nobody-asks", ObjectiveState.NO_DATA, ""]);
    assert.deepEqual([burning?.name, burning?.source, burning?.target], ["till-works", "web", "till"]);
    assert.ok((burning?.budgetLeft ?? 0) < 0);
    assert.ok(burning?.windows.every(({ burn, threshold }) => burn > threshold && threshold === 2));

    await eventually("the event is stored", async () => (await sloEvents(mesh)).length > 0);
    const [event, ...more] = await sloEvents(mesh);
    assert.deepEqual(more, []);
    assert.ok(event);
    assert.equal(event.subject, sloSubject("default", "till-works"));
    assert.equal(event.headers.get("ce-type"), "dev.patchbay.slo.burn.v1");
    const changed = fromBinary(ObjectiveChangedSchema, event.data);
    assert.deepEqual([changed.name, changed.state, changed.targetRatio], ["till-works", ObjectiveState.BURNING, 0.9]);
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
});
