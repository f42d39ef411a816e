import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  ExplainRequestSchema,
  type ExplainResponse,
  ExplainResponseSchema,
  RequestDecision,
  RequestDecisionSchema,
} from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { Proxy as ProxyApi } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { requireKind } from "@patchbay/runtime";
import { appOf, serveApp } from "@patchbay/testkit";
import { startPolicy } from "../support/policy.ts";
import { proxyOf } from "../support/registrations.ts";
import { host, yaml } from "../support/resources.ts";

type Asked = MessageInitShape<typeof ExplainRequestSchema>;

const files = {
  "a.yaml": [
    yaml("AuthorizationPolicy", "no-staging", {
      targetRefs: [{ kind: "Service", name: "users" }],
      action: "Deny",
      rules: [{ from: [{ namespaces: ["staging"] }] }],
    }),
    yaml("AuthorizationPolicy", "admins", {
      targetRefs: [{ kind: "Service", name: "admin" }],
      action: "Allow",
      rules: [{ from: [{ identities: ["spiffe://cluster.local/ns/default/sa/web"] }], to: [{ paths: ["/admin/*"] }] }],
    }),
    yaml("AuthorizationPolicy", "tokens", {
      targetRefs: [{ kind: "Service", name: "carts" }],
      action: "Plugin",
      plugin: { name: "opa", failurePolicy: "Closed" },
    }),
    yaml("HTTPRoute", "canary", {
      parentRefs: [{ group: "", kind: "Service", name: "shop" }],
      rules: [
        {
          matches: [{ path: { value: "/cart" } }],
          backendRefs: [
            { name: "carts", weight: 9 },
            { name: "users", weight: 1 },
          ],
          timeouts: { request: "2s" },
        },
        { matches: [{ path: { value: "/dead" } }], backendRefs: [{ name: "carts", weight: 0 }] },
      ],
    }),
    yaml("RateLimitPolicy", "slow", {
      targetRefs: [{ kind: "Service", name: "limited" }],
      limits: [{ name: "each", by: ["source"], requests: 5, per: "1s" }],
    }),
  ].join(""),
};

const nameOf = (decision: RequestDecision) =>
  RequestDecisionSchema.value[decision]?.localName.toLowerCase().replace("_", "-");

async function decisions(...requests: readonly Asked[]): Promise<readonly string[]> {
  await using policy = await startPolicy({ files });
  const answers = [];
  for (const request of requests) answers.push(await policy.client.explain({ method: "GET", path: "/", ...request }));
  return answers.map(({ decision, why }) => `${nameOf(decision)}: ${why}`);
}

describe("the explanation of a request", () => {
  it("says who denies, who allows, and what the default does", async () => {
    const said = await decisions(
      { authority: "users.default", source: "web.staging" },
      { authority: "users", source: "web.staging" },
      { authority: "users", source: "web" },
      { authority: "admin", path: "/admin/x", source: "web" },
      { authority: "admin", path: "/admin/x" },
      { authority: "carts", source: "web" },
      { authority: "10.0.0.1:8080", source: "web" },
    );
    assert.deepEqual(said, [
      "denied: AuthorizationPolicy default/no-staging denies it",
      "allowed: no policy of staging/users is about it, and the mesh's default is allow",
      "allowed: no policy of default/users is about it, and the mesh's default is allow",
      "allowed: AuthorizationPolicy default/admins allows it",
      "denied: default/admin has policies that allow some requests, and this is none of them",
      "ask: AuthorizationPolicy default/tokens leaves it to plugin opa",
      "allowed: it leaves the mesh, where no policy counts",
    ]);
  });

  it("decides on the path that would be forwarded", async () => {
    await using policy = await startPolicy({ files });
    const slipped = await policy.client.explain({
      method: "get",
      authority: "admin",
      path: "/x/%2e%2e//admin/y?q=1",
      source: "web",
    });
    assert.deepEqual([slipped.path, slipped.decision], ["/admin/y?q=1", RequestDecision.ALLOWED]);
    const ambiguous = await policy.client.explain({
      method: "GET",
      authority: "admin",
      path: "/admin/..%2fusers",
      source: "web",
    });
    assert.equal(ambiguous.decision, RequestDecision.DENIED);
    assert.match(ambiguous.why, /read this path differently/);
  });

  it("follows the route to all backends and tells the worst", async () => {
    await using policy = await startPolicy({ files });
    const found = await policy.client.explain({
      method: "GET",
      authority: "shop.default",
      path: "/cart/1",
      source: "web.staging",
    });
    assert.deepEqual(
      found.route?.backends.map(({ authority, weight }) => [authority, weight]),
      [
        [`${host("carts")}:80`, 9],
        [`${host("users")}:80`, 1],
      ],
    );
    assert.deepEqual(found.route?.effects, ["answered 504 after 2s"]);
    assert.equal(found.target, "default/shop");
    assert.equal(found.decision, RequestDecision.DENIED);
    assert.match(found.why, /no-staging denies it; at other backends: .*plugin opa/);
  });

  it("says when a route leads nowhere", async () => {
    const said = await decisions({ authority: "shop", path: "/other" }, { authority: "shop", path: "/dead" });
    assert.match(said[0] ?? "", /^no-route: .*404/);
    assert.match(said[1] ?? "", /^no-route: .*500/);
  });

  /** What is said of a request to a service with one limit, when its only living proxy tells this of the limit. */
  async function limited(told: { readonly left: number; readonly size: number }): Promise<ExplainResponse> {
    const ref = { kind: "RateLimitPolicy", namespace: "default", name: "slow" };
    const proxies = [{ instance: "i1", ...told }];
    const proxy = await serveApp(
      appOf("proxy", {
        routes: (router) =>
          void router.service(ProxyApi, {
            inspect(request, context) {
              requireKind(context, "core");
              assert.equal(request.request?.source, "spiffe://cluster.local/ns/default/sa/web");
              return { limits: [{ ref, limit: "each", matched: true, key: ["web"], proxies }] };
            },
          }),
      }),
    );
    const registrations = [
      proxyOf("default/limited", { instance: "i1", address: `127.0.0.1:${proxy.port}` }),
      proxyOf("default/limited", { instance: "i2", address: "127.0.0.1:1" }),
    ];
    await using policy = await startPolicy({ files, registrations });
    const found = await policy.client.explain({ method: "GET", authority: "limited", path: "/", source: "web" });
    await proxy.stop();
    return found;
  }

  it("asks proxies how their limits stand, and leaves out those that do not answer", async () => {
    const found = await limited({ left: 0.5, size: 5 });
    assert.deepEqual(
      found.limits.map(({ key: values, proxies }) => [values, proxies.map(({ instance, left }) => [instance, left])]),
      [[["spiffe://cluster.local/ns/default/sa/web"], [["i1", 0.5]]]],
    );
    assert.deepEqual(
      [found.decision, found.why],
      [RequestDecision.LIMITED, "RateLimitPolicy default/slow limit each is used up at every proxy of default/limited"],
    );
  });

  it("leaves a limit of which no proxy has a lease to its plugin", async () => {
    const found = await limited({ left: 0, size: 0 });
    assert.deepEqual(
      [found.decision, found.why],
      [RequestDecision.ASK, "RateLimitPolicy default/slow limit each asks its plugin"],
    );
  });

  it("refuses an invalid request, with the field", async () => {
    await using policy = await startPolicy();
    const wrong: readonly (readonly [Asked, RegExp])[] = [
      [{ authority: "us ers" }, /^authority "us ers"/],
      [{ authority: "" }, /^authority/],
      [{ authority: "users:99999" }, /^authority/],
      [{ authority: "users", source: "../web" }, /^source/],
      [{ authority: "users", method: "G T" }, /^method/],
      [{ authority: "users", path: "/a b" }, /^path/],
      [{ authority: "users", path: "cart" }, /^path/],
      [{ authority: "users", path: "/cart#top" }, /^path/],
      [{ authority: "users", headers: { "a b": "1" } }, /^headers/],
    ];
    for (const [request, message] of wrong) {
      const refusal = await policy.client.explain({ method: "GET", path: "/", ...request }).catch(ConnectError.from);
      assert.ok(refusal instanceof ConnectError, JSON.stringify(request));
      assert.equal(refusal.code, Code.InvalidArgument);
      assert.match(refusal.rawMessage, message);
    }
  });

  it("holds every allowed form of a name", async () => {
    await using policy = await startPolicy({ files });
    const answers = [];
    for (const authority of [
      "users",
      "USERS.:80",
      "users.default",
      "users.default.svc",
      "users.default.svc.cluster.local:8080",
    ]) {
      const answer = await policy.client.explain(
        create(ExplainRequestSchema, { method: "GET", authority, path: "/", source: "web" }),
      );
      answers.push(JSON.stringify(toJson(ExplainResponseSchema, answer)));
    }
    assert.equal(new Set(answers).size, 1);
  });
});
