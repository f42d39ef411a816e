import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toJson } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { DefaultAction, MatchType, type Outbound, OutboundSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileRoutes } from "@patchbay/rules";
import { createPolicyIndex } from "../../src/core/policy-index.ts";
import { composeSnapshot } from "../../src/core/snapshot.ts";
import { createUpdate } from "../../src/engine/update.ts";
import { host, resources, yaml } from "../support/resources.ts";

const users = [{ group: "", kind: "Service", name: "users" }];

function policyIndexOf(...documents: readonly string[]) {
  const policyIndex = createPolicyIndex(DefaultAction.ALLOW);
  policyIndex.replace(resources(...documents));
  return policyIndex;
}

const web = { namespace: "default", name: "web" };
const paths = (outbound: Outbound): readonly string[] =>
  outbound.matches.map(
    ({ rule, path, method }) => `${outbound.rules[rule]?.ref?.name}/${rule} ${method}${path?.value}`,
  );

describe("what comes in to a workload", () => {
  it("is governed by policies that name it, and by those of its whole namespace", () => {
    const policyIndex = policyIndexOf(
      yaml("AuthorizationPolicy", "all", { action: "Deny" }),
      yaml("AuthorizationPolicy", "web", { action: "Deny", targetRefs: [{ name: "web" }, { name: "other" }] }),
      yaml("AuthorizationPolicy", "users", { action: "Deny", targetRefs: users }),
      yaml("AuthorizationPolicy", "staging/all", { action: "Deny" }),
      yaml("RateLimitPolicy", "slow", { limits: [{ name: "a", requests: 3, per: "1m" }] }),
    );
    const { authorization, rateLimits, defaultAction } = policyIndex.inbound(web);
    assert.deepEqual(
      authorization.map(({ ref }) => `${ref?.namespace}/${ref?.name}`),
      ["default/all", "default/web"],
    );
    assert.deepEqual(
      rateLimits[0]?.limits.map(({ requests, burst, per }) => [requests, burst, per && durationMs(per)]),
      [[3, 0, 60_000]],
    );
    assert.equal(defaultAction, DefaultAction.ALLOW);
  });

  it("has names in lower case, and the namespace of plugins", () => {
    const policyIndex = policyIndexOf(
      yaml("AuthorizationPolicy", "a", {
        action: "Plugin",
        plugin: { name: "opa", failurePolicy: "Closed", headers: ["X-B", "x-a", "X-A"] },
      }),
      yaml("RateLimitPolicy", "b", { limits: [{ name: "a", requests: 1, per: "1s", by: ["header:X-Tenant"] }] }),
    );
    const { authorization, rateLimits } = policyIndex.inbound(web);
    assert.deepEqual(
      [authorization[0]?.plugin?.namespace, authorization[0]?.plugin?.headers],
      ["default", ["x-a", "x-b"]],
    );
    assert.deepEqual(rateLimits[0]?.limits[0]?.by, ["header:x-tenant"]);
  });
});

describe("the routes of a target", () => {
  const route = (name: string, rules: readonly object[], metadata: object = {}): string =>
    yaml("HTTPRoute", name, { parentRefs: users, rules }, metadata);
  const path = (value: string, more: object = {}): object => ({ path: { value }, ...more });

  it("are asked in Gateway API's order: exact, longest prefix, method, headers, query parameters", () => {
    const policyIndex = policyIndexOf(
      route("r", [
        { matches: [{}] },
        { matches: [path("/a", { queryParams: [{ name: "q", value: "1" }] })] },
        { matches: [path("/a", { headers: [{ name: "x", value: "1" }] })] },
        {
          matches: [
            path("/a", {
              headers: [
                { name: "x", value: "1" },
                { name: "y", value: "1" },
              ],
            }),
          ],
        },
        { matches: [path("/a", { method: "GET" })] },
        { matches: [path("/a/long/")] },
        { matches: [{ path: { type: "RegularExpression", value: "/a.*" } }] },
        { matches: [{ path: { type: "Exact", value: "/a" } }] },
      ]),
    );
    assert.deepEqual(
      policyIndex.outbound("default", host("users")).matches.map(({ rule }) => rule),
      [7, 6, 5, 4, 3, 2, 1, 0],
    );
  });

  it("of several resources are merged: of equal matches the oldest's is asked first, then the first by name", () => {
    const policyIndex = policyIndexOf(
      route("b", [{ matches: [path("/x")] }]),
      route("a", [{ matches: [path("/x")] }, { matches: [path("/x")] }]),
      route("z", [{ matches: [path("/x")] }], { creationTimestamp: "2026-01-02T00:00:00Z" }),
      route("y", [{ matches: [path("/x")] }], { creationTimestamp: "2026-01-01T00:00:00Z" }),
    );
    assert.deepEqual(paths(policyIndex.outbound("default", host("users"))), [
      "y/0 /x",
      "z/1 /x",
      "a/2 /x",
      "a/3 /x",
      "b/4 /x",
    ]);
  });

  it("ask those for gRPC first, and only gRPC requests", () => {
    const policyIndex = policyIndexOf(
      route("http", [{ matches: [{ path: { type: "Exact", value: "/demo.v1.Users/Get" } }] }]),
      yaml("GRPCRoute", "grpc", {
        parentRefs: users,
        rules: [
          {
            matches: [
              { method: { service: "demo.v1.Users", method: "Get" } },
              { method: { service: "demo.v1.Users" } },
              { method: { method: "Get" } },
            ],
          },
          { retry: { codes: ["UNAVAILABLE", 8] } },
        ],
      }),
    );
    const outbound = policyIndex.outbound("default", host("users"));
    assert.deepEqual(
      outbound.matches.map((match) => [match.grpc, match.path?.type, match.path?.value]),
      [
        [true, MatchType.EXACT, "/demo.v1.Users/Get"],
        [true, MatchType.REGULAR_EXPRESSION, "/[^/]+/Get"],
        [true, MatchType.PATH_PREFIX, "/demo.v1.Users"],
        [true, MatchType.PATH_PREFIX, "/"],
        [false, MatchType.EXACT, "/demo.v1.Users/Get"],
      ],
    );
    assert.deepEqual(outbound.rules[1]?.retry?.grpcCodes, [8, 14]);
    compileRoutes(outbound);
  });

  it("of the client's namespace replace those of the target's, for that namespace alone", () => {
    const policyIndex = policyIndexOf(
      route("producer", [{}]),
      yaml("HTTPRoute", "staging/consumer", { parentRefs: [{ ...users[0], namespace: "default" }], rules: [{}] }),
    );
    const names = (clients: string) => policyIndex.outbound(clients, host("users")).rules.map(({ ref }) => ref?.name);
    assert.deepEqual([names("default"), names("staging"), names("other")], [["producer"], ["consumer"], ["producer"]]);
  });

  it("count for the ports that they name", () => {
    const policyIndex = policyIndexOf(
      yaml("HTTPRoute", "r", {
        parentRefs: [
          { name: "users", port: 8080 },
          { name: "users", port: 80 },
        ],
        rules: [{}],
      }),
      yaml("HTTPRoute", "s", { parentRefs: [{ name: "users", port: 8080 }, { name: "users" }], rules: [{}] }),
    );
    assert.deepEqual(
      policyIndex.outbound("default", host("users")).matches.map(({ rule, port }) => [rule, port]),
      [
        [0, 80],
        [0, 8080],
        [1, 0],
      ],
    );
  });

  it("carry everything that a rule says", () => {
    const policyIndex = policyIndexOf(
      route("r", [
        {
          filters: [
            {
              type: "RequestHeaderModifier",
              requestHeaderModifier: { set: [{ name: "X-A", value: "1" }], remove: ["X-B"] },
            },
            { type: "RequestMirror", requestMirror: { backendRef: { name: "shadow" }, percent: 5 } },
            { type: "RequestMirror", requestMirror: { backendRef: { name: "dark", namespace: "lab", port: 81 } } },
          ],
          backendRefs: [
            { name: "users", weight: 90 },
            { name: "next", weight: 10 },
            { name: "off", weight: 0 },
          ],
          timeouts: { request: "1m30s", backendRequest: "0s" },
          retry: { codes: [503, 500, 503], attempts: 2 },
        },
      ]),
      yaml("XBackendTrafficPolicy", "b", { targetRefs: users, retryConstraint: { budget: { percent: 30 } } }),
    );
    const { rules, retryBudget, retryBudgetRef } = policyIndex.outbound("default", host("users"));
    const wanted = {
      ref: { kind: "HTTPRoute", namespace: "default", name: "r" },
      requestHeaders: { set: [{ name: "x-a", value: "1" }], remove: ["x-b"] },
      mirrors: [
        { authority: `${host("shadow")}:80`, numerator: 5, denominator: 100 },
        { authority: `${host("dark", "lab")}:81` },
      ],
      backends: [
        { authority: `${host("users")}:80`, weight: 90 },
        { authority: `${host("next")}:80`, weight: 10 },
        { authority: `${host("off")}:80` },
      ],
      requestTimeout: "90s",
      retry: { codes: [500, 503], attempts: 2, backoff: "0.025s" },
    };
    assert.deepEqual(toJson(OutboundSchema, policyIndex.outbound("default", host("users"))), {
      target: host("users"),
      rules: [wanted],
      matches: [{ path: { type: "MATCH_TYPE_PATH_PREFIX", value: "/" } }],
      retryBudget: { percent: 30, interval: "10s", minCount: 10, minInterval: "1s" },
      retryBudgetRef: { kind: "XBackendTrafficPolicy", namespace: "default", name: "b" },
    });
    assert.deepEqual([rules.length, retryBudget?.percent, retryBudgetRef?.name], [1, 30, "b"]);
  });

  it("do not exist for what is no service of the mesh", () => {
    const policyIndex = policyIndexOf(route("r", [{}]));
    for (const other of ["example.com", "users", "10.0.0.1", "a.users.default.svc.cluster.local"])
      assert.deepEqual(
        [policyIndex.outbound("default", other).target, policyIndex.outbound("default", other).rules],
        [other, []],
      );
  });
});

describe("a version", () => {
  it("is the same for the same content, whatever the files' order, and another for any other", () => {
    const documents = [
      yaml("AuthorizationPolicy", "a", { action: "Deny" }),
      yaml("AuthorizationPolicy", "b", { action: "Audit" }),
      yaml("HTTPRoute", "r", { parentRefs: users, rules: [{}] }),
      yaml("HTTPRoute", "s", { parentRefs: users, rules: [{}] }),
    ];
    const version = (some: readonly string[], hosts = [host("users"), host("carts")]): string =>
      createUpdate(
        composeSnapshot(policyIndexOf(...some), { workload: web, hosts: new Set(hosts), namePolicies: true }),
      ).version;
    const first = version(documents);
    assert.match(first, /^[0-9a-f]{16}$/);
    assert.equal(version([...documents].reverse(), [host("carts"), host("users")]), first);
    const others = [version(documents.slice(1)), version(documents, []), version(documents.slice(0, 3))];
    assert.equal(new Set([first, ...others]).size, 4);
  });
});
