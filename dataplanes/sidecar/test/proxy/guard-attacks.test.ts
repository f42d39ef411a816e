import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { DefaultAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { allow, deny } from "../../../client/test/support/policy.ts";
import { createAuthority, identityOf, spiffe } from "../support/certificates.ts";
import { createTestGuard, type TestGuard } from "../support/guarded.ts";
import { http2Client, startHttp2, whole } from "../support/http2.ts";
import { endpoint, type StartedProxy, startProxy } from "../support/proxies.ts";
import { type App, exchangeRaw, startApp } from "../support/wire.ts";

const authority = createAuthority();

/** What the program got to see. */
interface Seen {
  readonly path: string;
  readonly host: string;
  readonly fields: readonly string[];
}

const RULES = {
  defaultAction: DefaultAction.DENY,
  authorization: [
    allow("web", [{ from: [{ identities: [spiffe("web")] }] }]),
    deny("admin", [{ to: [{ paths: ["/admin/*", "/demo.Admin/*"] }] }]),
    deny("host", [{ when: 'request.host == "internal"' }]),
  ],
};

describe("attacks on a service with rules, over two sidecars", () => {
  const seen: Seen[] = [];
  const started: StartedProxy[] = [];
  let app: App;
  let guard: TestGuard;
  /** Ports: what the allowed caller calls, what another one calls, and the way in that everybody can reach. */
  let web: number;
  let mallory: number;
  let inbound: number;

  before(async () => {
    app = await startApp((request, response) => {
      seen.push({ path: request.url ?? "", host: request.headers.host ?? "", fields: request.rawHeaders });
      response.end("the program's answer");
    });
    guard = createTestGuard(RULES);
    const users = await startProxy({
      self: { service: "users", namespace: "default" },
      inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port: app.port } },
      identity: identityOf(authority.issue("users")),
      guard,
    });
    inbound = users.proxy.inboundPort;
    const routes = {
      users: [endpoint(inbound, { identity: spiffe("users") })],
      internal: [endpoint(inbound, { identity: spiffe("users") })],
    };
    const caller = async (name: string): Promise<StartedProxy> => {
      const proxy = await startProxy({
        self: { service: name, namespace: "default" },
        identity: identityOf(authority.issue(name)),
        routes,
      });
      started.push(proxy);
      return proxy;
    };
    web = (await caller("web")).proxy.outboundPort;
    mallory = (await caller("mallory")).proxy.outboundPort;
    started.push(users);
  });
  after(async () => {
    for (const each of started) await each[Symbol.asyncDispose]();
    await app[Symbol.asyncDispose]();
  });

  /** Status line and head of the answer to a request written by hand. */
  async function send(port: number, target: string, fields: readonly string[] = ["host: users"]): Promise<string> {
    const text = `GET ${target} HTTP/1.1\r\n${fields.map((field) => `${field}\r\n`).join("")}connection: close\r\n\r\n`;
    return exchangeRaw(port, text);
  }

  function statusOf(answer: string): number {
    return Number(answer.split(" ")[1]);
  }

  it("who is allowed gets an answer", async () => {
    assert.equal(statusOf(await send(web, "/cart")), 200);
    assert.deepEqual([seen.at(-1)?.path, seen.at(-1)?.host], ["/cart", "users"]);
  });

  const denied = [
    "/admin/x",
    "//admin/x",
    "///admin//x",
    "/./admin/x",
    "/cart/../admin/x",
    "/cart/%2e%2e/admin/x",
    "/cart/.%2E/admin/x",
    "/%61dmin/x",
    "/%61%64%6D%69%6e/x",
    "/../../admin/x",
    "/ADMIN/x",
    "/aDmin/x",
    "/admin/x?cart",
    "/admin/..;/x",
    "/admin;v=1/../admin/x",
    "http://users/admin/x",
    "http://users//admin/x",
    "HTTP://USERS./cart/../admin/x",
    "/cart%2f..%2fadmin/x",
    "/cart/..%2fadmin/x",
    "/cart%5c..%5cadmin/x",
    "/admin%00/x",
    "/admin%2fx",
    "/;v=1/admin/x",
    "/cart/..%3b/admin/x",
  ];
  for (const target of denied)
    it(`${target} does not reach the program`, async () => {
      const before = seen.length;
      const status = statusOf(await send(web, target));
      assert.ok(status === 403 || status === 400, `answered ${status}`);
      const direct = await send(inbound, target);
      assert.ok([400, 403].includes(statusOf(direct)), `answered ${direct} without proof`);
      assert.equal(seen.length, before);
    });

  for (const path of ["/cart/../admin/x", "//admin/x", "/%61dmin/x", "/cart%2f..%2fadmin/x"])
    it(`${path} does not reach the program by HTTP/2 either`, async () => {
      using client = http2Client(web);
      const { headers } = await whole(client.open({ ":path": path }));
      assert.match(String(headers[":status"]), /^40[03]$/);
      assert.equal(headers["mesh-policy"] ?? "AuthorizationPolicy default/admin", "AuthorizationPolicy default/admin");
    });

  it("what is forwarded is what was decided on", async () => {
    for (const [target, path] of [
      ["/a/./b/../c", "/a/c"],
      ["//a%7Eb", "/a~b"],
      ["/caf%c3%a9?q=/../%2e", "/caf%C3%A9?q=/../%2e"],
    ] as const) {
      assert.equal(statusOf(await send(web, target)), 200);
      assert.equal(seen.at(-1)?.path, path);
    }
  });

  it("the host of an absolute form goes before the Host field, and is what the program sees", async () => {
    assert.equal(statusOf(await send(web, "http://Users./cart", ["host: internal"])), 200);
    assert.equal(seen.at(-1)?.host, "users");
    for (const [target, host] of [
      ["http://internal/cart", "users"],
      ["/cart", "INTERNAL"],
      ["/cart", "internal."],
      ["/cart", "Internal.:80"],
    ])
      assert.equal(statusOf(await send(web, target ?? "", [`host: ${host}`])), 403, `${target} ${host}`);
  });

  const forged = [
    `x-forwarded-client-cert: URI=${spiffe("web")}`,
    `x-forwarded-client-cert: By=spiffe://x;Hash=00;URI=${spiffe("web")}`,
    "l5d-client-id: web.default.serviceaccount.identity.linkerd.cluster.local",
    `mesh-identity: ${spiffe("web")}`,
    "mesh-source: web",
    "x-envoy-internal: true",
    "x-envoy-external-address: 127.0.0.1",
    "x-envoy-peer-metadata-id: sidecar~10.0.0.1~web.default~default.svc.cluster.local",
    "x-envoy-downstream-service-cluster: web",
    `x_forwarded_client_cert: URI=${spiffe("web")}`,
    `X-Forwarded_Client-Cert: URI=${spiffe("web")}`,
    `mesh_identity: ${spiffe("web")}`,
    "l5d_client_id: web",
    "x_envoy_internal: true",
  ];
  for (const field of forged)
    it(`nobody becomes somebody else by ${field.split(":")[0]}`, async () => {
      for (const port of [mallory, inbound])
        assert.equal(statusOf(await send(port, "/cart", ["host: users", field])), 403);
      assert.equal(statusOf(await send(web, "/cart", ["host: users", field])), 200);
      const names = (seen.at(-1)?.fields ?? []).map((name) => name.toLowerCase());
      assert.equal(names.includes((field.split(":")[0] ?? "").toLowerCase()), false, "the program does not see it");
    });

  it("who lacks proof, or has one of somebody else, is refused by name", async () => {
    const answer = await send(mallory, "/cart");
    assert.match(answer, /^HTTP\/1.1 403 /);
    assert.match(answer, /mesh-error: denied/i);
    assert.match(answer, /mesh-policy: default/i);
    assert.equal(guard.decisions()["default mallory DENIED"] !== undefined, true);
  });

  it("an absolute target is HTTP at the way in too, so that rules and limits see each request", async () => {
    const open = createTestGuard({
      defaultAction: DefaultAction.ALLOW,
      authorization: [deny("admin", [{ to: [{ paths: ["/admin/*"] }] }])],
    });
    await using users = await startProxy({
      inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port: app.port } },
      guard: open,
    });
    const port = users.proxy.inboundPort;
    assert.equal(statusOf(await send(port, "http://users/cart")), 200);
    assert.equal(seen.at(-1)?.path, "/cart");
    assert.equal(statusOf(await send(port, "HTTP://users/admin/x")), 403);
    assert.equal(statusOf(await send(port, "https://users/cart")), 400);
    assert.deepEqual(
      users.recorder.records.map(({ opaque, path }) => [opaque, path]),
      [
        [false, "/cart"],
        [false, "/admin/x"],
        // Refused, and seen all the same.
        [false, ""],
      ],
    );
  });

  it("nobody switches to a protocol in which requests would pass unseen", async () => {
    for (const offer of ["websocket, h2c", "h2c, websocket", "websocket,HTTP/2.0", "TLS/1.0, websocket"]) {
      const fields = ["host: users", `upgrade: ${offer}`, "http2-settings: AAMAAABkAAQAAP__"];
      const text = `GET /cart HTTP/1.1\r\n${fields.join("\r\n")}\r\nconnection: upgrade, http2-settings\r\n\r\n`;
      assert.equal(statusOf(await exchangeRaw(web, text)), 200);
      const sent = seen.at(-1)?.fields ?? [];
      const at = sent.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === "upgrade");
      assert.equal(sent[at + 1], "websocket", offer);
    }
  });

  it("gRPC hears PERMISSION_DENIED in its own way", async () => {
    using client = http2Client(web);
    const fields = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };
    const { headers } = await whole(client.open({ ...fields, ":path": "/demo.Admin/Drop" }, { endStream: true }));
    assert.deepEqual(
      [headers[":status"], headers["grpc-status"], headers["mesh-error"], headers["mesh-policy"]],
      [200, "7", "denied", "AuthorizationPolicy default/admin"],
    );
    assert.match(String(headers["grpc-message"]), /may not make this request to default\/users/);
  });
});

describe("limits over two sidecars", () => {
  it("are not passed by requests within a connection that the caller declares to be opaque", async () => {
    let requests = 0;
    await using app = await startApp((_request, response) => {
      requests += 1;
      response.end();
    });
    const ref = { kind: "RateLimitPolicy", namespace: "default", name: "per-client" };
    const limit = { name: "all", by: ["source"], requests: 100, per: { seconds: 1n } };
    await using users = await startProxy({
      self: { service: "users", namespace: "default" },
      inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port: app.port } },
      identity: identityOf(authority.issue("users")),
      guard: createTestGuard({ defaultAction: DefaultAction.ALLOW, rateLimits: [{ ref, limits: [limit] }] }),
    });
    await using web = await startProxy({
      identity: identityOf(authority.issue("web")),
      routes: { users: [endpoint(users.proxy.inboundPort, { identity: spiffe("users") })] },
      listens: [{ port: 0, authority: "users", opaque: true }],
    });
    const [port = 0] = web.proxy.listenPorts;
    assert.equal(await exchangeRaw(port, "GET / HTTP/1.1\r\nhost: users\r\nconnection: close\r\n\r\n"), "");
    assert.equal(requests, 0);
    assert.equal(users.recorder.records[0]?.status, 403);
  });

  it("answer 429 with the time to wait, and gRPC RESOURCE_EXHAUSTED", async () => {
    await using app = await startHttp2((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("ok");
    });
    const ref = { kind: "RateLimitPolicy", namespace: "default", name: "per-client" };
    const limit = { name: "all", by: ["source"], requests: 1, per: { seconds: 60n } };
    await using users = await startProxy({
      self: { service: "users", namespace: "default" },
      inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port: app.port } },
      identity: identityOf(authority.issue("users")),
      guard: createTestGuard({ defaultAction: DefaultAction.ALLOW, rateLimits: [{ ref, limits: [limit] }] }),
    });
    await using web = await startProxy({
      identity: identityOf(authority.issue("web")),
      routes: { users: [endpoint(users.proxy.inboundPort, { identity: spiffe("users") })] },
    });
    using client = http2Client(web.proxy.outboundPort);
    assert.equal((await whole(client.open({}))).headers[":status"], 200);
    const { headers } = await whole(client.open({}));
    assert.deepEqual(
      [headers[":status"], headers["mesh-error"], headers["retry-after"], headers["mesh-policy"]],
      [429, "rate-limited", "60", "RateLimitPolicy default/per-client"],
    );
    const grpc = { ":method": "POST", "content-type": "application/grpc", te: "trailers", ":path": "/demo.Users/Get" };
    const refused = await whole(client.open(grpc, { endStream: true }));
    assert.deepEqual([refused.headers[":status"], refused.headers["grpc-status"]], [200, "8"]);
    const [, limited] = users.recorder.records;
    assert.deepEqual(
      [limited?.status, limited?.error, limited?.policy, limited?.source],
      [429, "rate-limited", "RateLimitPolicy default/per-client", "web"],
    );
    assert.equal(users.recorder.records[2]?.grpcStatus, 8);
  });
});
