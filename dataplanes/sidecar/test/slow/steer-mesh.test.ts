import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readDevelopmentKey } from "@patchbay/process";
import { eventually } from "@patchbay/testkit";
import { noLog } from "@patchbay/wire";
import { type Sidecar, startSidecar } from "../../src/index.ts";
import { createStateDir, startTestMesh } from "../support/mesh.ts";
import { callUsers } from "../support/steering.ts";
import { type App, startApp } from "../support/wire.ts";

function canary(old: number, next: number): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: canary }
spec:
  parentRefs: [{ kind: Service, name: users }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: / } }]
      backendRefs:
        - { name: users, port: 80, weight: ${old} }
        - { name: users-next, port: 80, weight: ${next} }
`;
}

test("a canary that goes from 90/10 to 50/50 in its file moves under load, without one error, within a mesh", async () => {
  await using dir = await createStateDir();
  await using mesh = await startTestMesh(dir.path);
  const key = await readDevelopmentKey(dir.path);
  const resources = join(dir.path, "resources");
  await mkdir(resources, { recursive: true });
  const save = (old: number, next: number) => writeFile(join(resources, "canary.yaml"), canary(old, next));
  await using old = await startApp((_request, response) => response.end("old"));
  await using next = await startApp((_request, response) => response.end("next"));
  const start = async (name: string, app?: App): Promise<Sidecar> => {
    const serves = app === undefined ? {} : { app: { host: "127.0.0.1", port: app.port } };
    const sidecar = await startSidecar({ registry: mesh.mesh.address, key, name, ...serves, log: noLog });
    sidecar.setReadiness({ ready: true, reason: "" });
    return sidecar;
  };
  await save(90, 10);
  await using _users = await start("users", old);
  await using _next = await start("users-next", next);
  await using web = await start("web");

  const answers: string[] = [];
  async function load(count: number): Promise<number> {
    const calls = await Promise.all(Array.from({ length: count }, () => callUsers(web.outboundPort)));
    for (const { status, body } of calls) answers.push(status === 200 ? body : `${status} ${body}`);
    return calls.filter(({ body }) => body === "next").length / count;
  }

  await eventually("both serve", async () => (await load(20)) > 0);
  answers.length = 0;
  let share = 0;
  for (let i = 0; i < 6; i += 1) share += (await load(50)) / 6;
  assert.ok(share > 0.03 && share < 0.2, `${share}`);
  await save(50, 50);
  await eventually("the share moved", async () => (await load(100)) > 0.35);
  share = 0;
  for (let i = 0; i < 6; i += 1) share += (await load(50)) / 6;
  assert.ok(share > 0.38 && share < 0.62, `${share}`);
  assert.deepEqual(
    [...new Set(answers)].toSorted((a, b) => a.localeCompare(b)),
    ["next", "old"],
  );

  await save(0, 0);
  await eventually("nothing is sent anywhere", async () => (await callUsers(web.outboundPort)).status === 500);
  const { headers, body } = await callUsers(web.outboundPort);
  assert.equal(headers["mesh-error"], "no-backend");
  assert.match(body, /HTTPRoute default\/canary/);
  await eventually("all is reported", async () => web.stats().reports.stored > 0);
  assert.equal(web.stats().reports.refused, 0);
});
