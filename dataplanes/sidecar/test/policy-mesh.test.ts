import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createClient } from "@connectrpc/connect";
import { readDevelopmentKey } from "@patchbay/process";
import { Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { Proxy as ProxyApi } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { eventually } from "@patchbay/testkit";
import { createTokenSource, createTransport, noLog } from "@patchbay/wire";
import { type Sidecar, type SidecarOptions, startSidecar } from "../src/index.ts";
import { createStateDir, startTestMesh, type TestMesh } from "./support/mesh.ts";
import { type App, bodyOf, startApp } from "./support/wire.ts";

const NO_STAGING = `apiVersion: patchbay.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: no-staging, namespace: production }
spec:
  action: Deny
  rules:
    - from: [{ namespaces: [staging] }]
`;

const PER_TENANT = `apiVersion: patchbay.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: per-tenant, namespace: production }
spec:
  targetRefs: [{ kind: Service, name: users }]
  limits:
    - { name: tenant, by: [source, "header:x-tenant"], requests: 2, per: 60s }
`;

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** By way of the caller's sidecar. */
function get(port: number, headers: Record<string, string> = {}): Promise<Answer> {
  return call(port, "http://users.production/", headers);
}

/** Straight to the way in, without proof. */
function knock({ inboundPort }: Sidecar): Promise<Answer> {
  return call(inboundPort, "/", {});
}

async function call(port: number, path: string, fields: Record<string, string>): Promise<Answer> {
  const headers = { host: "users.production", ...fields };
  const request = httpRequest({ host: "127.0.0.1", port, path, headers, agent: false });
  request.end();
  const [message] = (await once(request, "response")) as [IncomingMessage];
  return { status: message.statusCode ?? 0, headers: message.headers, body: await bodyOf(message) };
}

describe("policies in a mesh", () => {
  const stack = new AsyncDisposableStack();
  let mesh: TestMesh;
  let stateDir: string;
  let resources: string;
  let key: Uint8Array;
  let app: App;
  let users: Sidecar;
  let staging: Sidecar;
  let web: Sidecar;

  async function start(
    options: Pick<SidecarOptions, "name" | "namespace"> & Partial<SidecarOptions>,
  ): Promise<Sidecar> {
    const sidecar = await startSidecar({ registry: mesh.mesh.address, key, log: noLog, ...options });
    sidecar.setReadiness({ ready: true, reason: "" });
    return sidecar;
  }

  before(async () => {
    stateDir = stack.use(await createStateDir()).path;
    mesh = stack.use(await startTestMesh(stateDir));
    key = await readDevelopmentKey(stateDir);
    resources = join(stateDir, "resources");
    await mkdir(resources, { recursive: true });
    app = stack.use(await startApp((request, response) => response.end(request.url)));
    const serving = { name: "users", namespace: "production", app: { host: "127.0.0.1", port: app.port }, stateDir };
    [users, staging, web] = await Promise.all([
      start(serving),
      start({ name: "web", namespace: "staging" }),
      start({ name: "web", namespace: "production" }),
    ]);
    for (const each of [users, staging, web]) stack.use(each);
    await eventually("users answers", async () => (await get(web.outboundPort)).status === 200);
  });
  after(() => stack.disposeAsync());

  it("a saved file denies calls from staging to production, and the answer names it in development", async () => {
    assert.equal((await get(staging.outboundPort)).status, 200);
    await writeFile(join(resources, "no-staging.yaml"), NO_STAGING);
    await eventually("staging is denied", async () => (await get(staging.outboundPort)).status === 403);
    const { headers, body } = await get(staging.outboundPort);
    assert.equal(headers["mesh-error"], "denied");
    assert.equal(headers["mesh-policy"], "AuthorizationPolicy production/no-staging");
    assert.match(body, /web\.staging may not make this request to production\/users/);
    assert.equal((await get(web.outboundPort)).status, 200);
  });

  it("a limit counts by proven source and header, and Inspect tells what is left of it without spending", async () => {
    await writeFile(join(resources, "per-tenant.yaml"), PER_TENANT);
    let tenant = 0;
    await eventually("the limit is in force", async () => {
      tenant += 1;
      const headers = { "x-tenant": `t${tenant}` };
      const answers = [];
      for (let i = 0; i < 3; i += 1) answers.push((await get(web.outboundPort, headers)).status);
      return answers.join() === "200,200,429";
    });
    const limited = await get(web.outboundPort, { "x-tenant": `t${tenant}` });
    assert.equal(limited.headers["mesh-policy"], "RateLimitPolicy production/per-tenant");
    assert.ok(Number(limited.headers["retry-after"]) > 1);
    const inspected = await inspect({ "x-tenant": `t${tenant}` });
    assert.deepEqual([inspected?.matched, inspected?.key], [true, [WEB, `t${tenant}`]]);
    const [proxy] = inspected?.proxies ?? [];
    assert.ok(proxy !== undefined && proxy.left < 1 && proxy.size === 2, String(proxy?.left));
    const fresh = await inspect({ "x-tenant": "another" });
    assert.deepEqual([fresh?.proxies[0]?.left, (await inspect({ "x-tenant": "another" }))?.proxies[0]?.left], [2, 2]);
  });

  const WEB = "spiffe://cluster.local/ns/production/sa/web";

  async function inspect(headers: Record<string, string>) {
    const [registration] = await mesh.proxies("users");
    const token = createTokenSource(key, { kind: "core", namespace: "mesh", name: "policy", instance: "test-1" });
    const address = registration?.announce?.address ?? "";
    const transport = createTransport({ address: address.startsWith("http") ? address : `http://${address}`, token });
    try {
      const request = { method: "GET", authority: "users.production", path: "/", headers, source: "web.production" };
      const answer = await createClient(ProxyApi, transport).inspect({ request });
      assert.notEqual(answer.policyVersion, "");
      return answer.limits.find(({ limit }) => limit === "tenant");
    } finally {
      transport.close();
    }
  }

  it("everybody sees which version each proxy has acknowledged", async () => {
    const token = createTokenSource(key, { kind: "operator", namespace: "default", name: "test", instance: "test-2" });
    const transport = createTransport({ address: mesh.mesh.address, token });
    try {
      await eventually("all have what they should", async () => {
        const { proxies } = await createClient(Policy, transport).status({});
        return proxies.length === 3 && proxies.every(({ version, wanted }) => version !== "" && version === wanted);
      });
    } finally {
      transport.close();
    }
  });

  it("a sidecar that starts without the mesh enforces what was in force, and without a memory what is the default", async () => {
    const ONLY_WEB = NO_STAGING.replace("no-staging", "only-web")
      .replace("Deny", "Allow")
      .replace("[staging]", "[production]");
    await writeFile(join(resources, "only-web.yaml"), ONLY_WEB);
    await rm(join(resources, "per-tenant.yaml"));
    await eventually("who lacks proof is denied", async () => (await knock(users)).status === 403);
    await users.stop();
    const gone = { registry: "http://127.0.0.1:1", app: { host: "127.0.0.1", port: app.port } };
    await using remembers = await start({ ...gone, name: "users", namespace: "production", stateDir });
    const denied = await knock(remembers);
    assert.deepEqual([denied.status, denied.headers["mesh-policy"]], [403, "default"]);
    const [allows, denies] = await Promise.all([
      start({ ...gone, name: "carts", namespace: "production", stateDir }),
      start({ ...gone, name: "carts", namespace: "production", stateDir, defaultAuthorization: "deny" }),
    ]);
    await using _allows = allows;
    await using _denies = denies;
    assert.equal((await knock(allows)).status, 200);
    assert.equal((await knock(denies)).status, 403);
  });
});
