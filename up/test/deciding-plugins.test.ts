import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { spawnDieWithParent } from "@patchbay/process";
import type { Sidecar } from "@patchbay/sidecar";
import { eventually } from "@patchbay/testkit";
import { type Mesh, startMesh } from "../src/index.ts";
import { endOf, startSidecarHere, startWeb } from "./support/workload.ts";

const fixture = fileURLToPath(new URL("./fixtures/decider.ts", import.meta.url));

const POLICIES = `apiVersion: patchbay.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: only-root }
spec:
  targetRefs: [{ kind: Service, name: web }]
  action: Plugin
  rules: [{ to: [{ paths: ["/cached/*", "/fresh/*"] }] }]
  plugin: { name: decider, failurePolicy: Closed, headers: [x-user] }
---
apiVersion: patchbay.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: ten-each }
spec:
  targetRefs: [{ kind: Service, name: web }]
  limits:
    - { name: tenant, to: [{ paths: ["/limited/*"] }], by: ["header:x-tenant"], requests: 10, per: 60s }
  plugin: { name: decider, failurePolicy: Open }
`;

interface Answer {
  readonly status: number;
  readonly error: string;
  readonly body: string;
}

function get({ outboundPort: port }: Sidecar, path: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = httpRequest({
      host: "127.0.0.1",
      port,
      path: `http://web${path}`,
      headers: { host: "web", ...headers },
      agent: false,
    });
    call.once("error", reject).once("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.once("close", () =>
        resolve({ status: response.statusCode ?? 0, error: String(response.headers["mesh-error"] ?? ""), body }),
      );
    });
    call.end();
  });
}

describe("plugins that decide about requests, in a mesh", () => {
  const stack = new AsyncDisposableStack();
  let client: Sidecar;
  let plugin: ChildProcess;
  let questions: () => Promise<readonly string[]>;

  before(async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "patchbay-deciders-"));
    stack.defer(() => rm(stateDir, { recursive: true, force: true }));
    const mesh: Mesh = stack.use(await startMesh({ stateDir }));
    const asked = join(stateDir, "asked");
    await writeFile(asked, "");
    questions = async () => (await readFile(asked, "utf8")).split("\n").filter(Boolean);
    plugin = spawnDieWithParent(process.execPath, ["--disable-warning=ExperimentalWarning", fixture, asked], {
      env: { ...process.env, MESH_STATE_DIR: stateDir, MESH_REGISTRY: mesh.address },
      stdio: ["ignore", "ignore", "inherit"],
    });
    stack.defer(() => endOf(plugin, "SIGKILL"));
    const web = stack.use(await startWeb(0));
    stack.use(await startSidecarHere(mesh, "web", { port: web.port }));
    client = stack.use(await startSidecarHere(mesh, "client"));
    await mkdir(join(stateDir, "resources"), { recursive: true });
    await writeFile(join(stateDir, "resources", "deciders.yaml"), POLICIES);
    await eventually(async () => (await get(client, "/fresh/begin", { "x-user": "guest" })).status === 403);
    await eventually(async () => (await get(client, "/fresh/begin", { "x-user": "root" })).status === 200);
  });
  after(() => stack.disposeAsync());

  async function asked(about: string): Promise<number> {
    return (await questions()).filter((line) => line.includes(about)).length;
  }

  it("are asked for each request when they do not say what their answer depends on", async () => {
    assert.equal((await get(client, "/fresh/a", { "x-user": "root" })).status, 200);
    const refused = await get(client, "/fresh/a", { "x-user": "guest" });
    assert.deepEqual([refused.status, refused.error, refused.body], [403, "denied", "guest is not root\n"]);
    assert.equal((await get(client, "/fresh/a", { "x-user": "root" })).status, 200);
    assert.equal(await asked("authorize client /fresh/a"), 3);
  });

  it("are asked once for what is equal in `vary`, however the path is spelled, and nobody slips in behind another", async () => {
    for (const path of ["/cached/a", "/cached/./a", "//cached/%61"])
      assert.equal((await get(client, path, { "x-user": "root" })).status, 200, path);
    assert.equal(await asked("authorize client /cached/a root"), 1);
    assert.equal((await get(client, "/cached/a", { "x-user": "guest" })).status, 403);
    assert.equal((await get(client, "/cached/a", {})).status, 403);
    assert.equal((await get(client, "/cached/b", { "x-user": "guest" })).status, 403);
  });

  it("share a limit out by leases: so many pass as were granted, in fewer questions than requests", async () => {
    const of = (tenant: string) => get(client, "/limited/a", { "x-tenant": tenant });
    const answers = await Promise.all(Array.from({ length: 15 }, () => of("acme")));
    assert.equal(answers.filter(({ status }) => status === 200).length, 10);
    assert.equal(answers.filter(({ status, error }) => status === 429 && error === "rate-limited").length, 5);
    assert.ok((await asked("ratelimit acme")) < 10);
    assert.equal((await of("other")).status, 200);
  });

  it("that are gone leave requests to the failure policies: closed refuses, open lets pass", async () => {
    await endOf(plugin, "SIGKILL");
    await eventually(async () => (await get(client, "/fresh/a", { "x-user": "root" })).status === 503);
    assert.equal((await get(client, "/fresh/a", { "x-user": "root" })).error, "policy-unavailable");
    assert.equal((await get(client, "/cached/a", { "x-user": "root" })).status, 200, "its word is still good");
    assert.equal((await get(client, "/limited/a", { "x-tenant": "new" })).status, 200);
    assert.equal((await get(client, "/elsewhere", {})).status, 200);
  });
});
