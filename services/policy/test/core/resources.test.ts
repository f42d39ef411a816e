import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KIND_NAMES } from "@patchbay/runtime";
import { KINDS } from "../../src/core/kinds.ts";
import { problems } from "../support/resources.ts";

type Case = readonly [kind: string, spec: object, problem: string];

const users = [{ group: "", kind: "Service", name: "users" }];
const auth = (spec: object, problem: string): Case => ["AuthorizationPolicy", { action: "Deny", ...spec }, problem];
const rule = (spec: object, problem: string): Case => auth({ rules: [spec] }, problem);
const limit = (spec: object, problem: string): Case => [
  "RateLimitPolicy",
  { limits: [{ name: "a", requests: 1, per: "1s", ...spec }] },
  problem,
];
const http = (spec: object, problem: string): Case => ["HTTPRoute", { parentRefs: users, rules: [spec] }, problem];
const grpc = (spec: object, problem: string): Case => ["GRPCRoute", { parentRefs: users, rules: [spec] }, problem];
const filter = (spec: object, problem: string): Case => http({ filters: [spec] }, problem);
const slo = (spec: object, problem: string): Case => [
  "ServiceLevelObjective",
  { target: { name: "users" }, objective: 99, ...spec },
  problem,
];
const budget = (spec: object, problem: string): Case => [
  "XBackendTrafficPolicy",
  { targetRefs: users, ...spec },
  problem,
];

const cases: readonly Case[] = [
  // Who may call what.
  ["AuthorizationPolicy", {}, "spec must have required property 'action'"],
  auth({ action: "deny" }, 'spec.action must be equal to one of the allowed values: ["Allow","Deny","Audit","Plugin"]'),
  auth({ rule: [] }, 'spec: unknown field "rule" (did you mean "rules"?)'),
  auth({ rules: [] }, "spec.rules must NOT have fewer than 1 items"),
  auth({ targetRefs: [] }, "spec.targetRefs must NOT have fewer than 1 items"),
  auth(
    { targetRefs: [{ name: "Users" }] },
    'spec.targetRefs[0].name must match pattern "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"',
  ),
  auth(
    { targetRefs: [{ kind: "Pod", name: "x" }] },
    'spec.targetRefs[0] is a Pod; only services are known here ({ group: "", kind: Service, name: users })',
  ),
  auth(
    { targetRefs: [{ group: "apps", name: "x" }] },
    'spec.targetRefs[0] has the group "apps" (group: "" is that of services)',
  ),
  auth(
    { action: "Plugin" },
    "spec.action Plugin needs the plugin that decides (plugin: { name: my-authorizer, failurePolicy: Closed })",
  ),
  auth({ action: "Plugin", plugin: { name: "opa" } }, "spec.plugin must have required property 'failurePolicy'"),
  auth(
    { plugin: { name: "opa", failurePolicy: "Open" } },
    "spec.plugin has no meaning with action Deny (action: Plugin)",
  ),
  auth(
    { action: "Plugin", plugin: { name: "opa", failurePolicy: "Open", headers: ["x y"] } },
    'spec.plugin.headers[0] "x y" cannot be the name of a header (letters, digits and any of !#$%&\'*+-.^_`|~)',
  ),
  rule({}, "spec.rules[0] must NOT have fewer than 1 properties"),
  rule({ from: [] }, "spec.rules[0].from must NOT have fewer than 1 items"),
  rule({ from: [{}] }, "spec.rules[0].from[0] must NOT have fewer than 1 properties"),
  rule({ from: [{ identities: [] }] }, "spec.rules[0].from[0].identities must NOT have fewer than 1 items"),
  rule(
    { from: [{ identities: ["web"] }] },
    'spec.rules[0].from[0].identities[0] "web" is not a SPIFFE ID (spiffe://cluster.local/ns/default/sa/web, with * for any characters)',
  ),
  rule({ to: [{ methods: ["get"] }] }, 'spec.rules[0].to[0].methods[0] "get" is not a method (write GET)'),
  rule(
    { to: [{ paths: ["admin"] }] },
    'spec.rules[0].to[0].paths[0] "admin" is not a path (write "/admin", or "*/admin" for its end)',
  ),
  rule(
    { to: [{ paths: ["/a/*/b"] }] },
    'spec.rules[0].to[0].paths[0] "/a/*/b" has a * where it has no meaning (as "/admin/*" or "*/info")',
  ),
  rule(
    { to: [{ notPaths: ["/a/../b"] }] },
    'spec.rules[0].to[0].notPaths[0] "/a/../b" can never match (paths are compared without // and without dot segments)',
  ),
  rule(
    { to: [{ paths: ["/a?b"] }] },
    'spec.rules[0].to[0].paths[0] "/a?b" holds a query (paths are compared without it; use `when` for the query)',
  ),
  rule({ when: "" }, "spec.rules[0].when must NOT have fewer than 1 characters"),
  // How often.
  limit({ requests: 0 }, "spec.limits[0].requests must be >= 1"),
  limit({ requests: 2 ** 32 }, "spec.limits[0].requests must be <= 1000000000"),
  limit({ burst: 0 }, "spec.limits[0].burst must be >= 1"),
  limit({ per: "0s" }, "spec.limits[0].per 0s is too short (at least 1ms)"),
  limit({ per: "25h" }, "spec.limits[0].per 25h is too long (at most 24h)"),
  limit(
    { per: "10 s" },
    'spec.limits[0].per "10 s" is not a duration (write it as 10s, 500ms or 1h30m: whole numbers with h, m, s or ms)',
  ),
  limit(
    { per: "1.5s" },
    'spec.limits[0].per "1.5s" is not a duration (write it as 10s, 500ms or 1h30m: whole numbers with h, m, s or ms)',
  ),
  limit(
    { by: ["ip"] },
    'spec.limits[0].by[0] "ip" is nothing to count by (source, route, method or "header:x-tenant")',
  ),
  limit({ by: ["header:X-A", "header:x-a"] }, 'spec.limits[0].by[1] repeats "header:x-a" (each only once)'),
  [
    "RateLimitPolicy",
    {
      limits: [
        { name: "a", requests: 1, per: "1s" },
        { name: "a", requests: 2, per: "1s" },
      ],
    },
    'spec.limits[1] repeats "a" (each only once)',
  ],
  // Routes.
  ["HTTPRoute", {}, "spec must have required property 'parentRefs'"],
  [
    "HTTPRoute",
    { parentRefs: [{ kind: "Gateway", name: "x" }] },
    'spec.parentRefs[0] is a Gateway; only services are known here ({ group: "", kind: Service, name: users })',
  ],
  [
    "HTTPRoute",
    { parentRefs: users, hostnames: ["a.example"] },
    "spec.hostnames are for gateways (parentRefs say whose requests are meant; leave hostnames out)",
  ],
  [
    "HTTPRoute",
    { parentRefs: [{ ...users[0], sectionName: "http" }] },
    "spec.parentRefs[0].sectionName has no meaning: ports have no names here (port: 8080)",
  ],
  http({ backendRefs: [{ name: "a", weight: -1 }] }, "spec.rules[0].backendRefs[0].weight must be >= 0"),
  http({ backendRefs: [{ name: "a", weight: 2 ** 32 }] }, "spec.rules[0].backendRefs[0].weight must be <= 1000000"),
  http(
    { backendRefs: [{ name: "a", filters: [] }] },
    "spec.rules[0].backendRefs[0].filters are not supported for a single backend (put them on the rule)",
  ),
  http({ matches: Array.from({ length: 65 }, () => ({})) }, "spec.rules[0].matches must NOT have more than 64 items"),
  http(
    { matches: [{ path: { value: "cart" } }] },
    'spec.rules[0].matches[0].path.value "cart" is not a path (write "/cart")',
  ),
  http(
    { matches: [{ path: { type: "Exact", value: "/a//b" } }] },
    'spec.rules[0].matches[0].path.value "/a//b" can never match (paths are compared without //, dot segments and encoded slashes)',
  ),
  http(
    {
      matches: [
        {
          headers: [
            { name: "x", value: "1" },
            { name: "X", value: "2" },
          ],
        },
      ],
    },
    'spec.rules[0].matches[0].headers[1] repeats "x" (each only once)',
  ),
  http(
    { timeouts: { request: "1s", backendRequest: "2s" } },
    "spec.rules[0].timeouts.backendRequest 2s is longer than request 1s",
  ),
  http({ retry: { codes: [200] } }, "spec.rules[0].retry.codes[0] must be >= 400"),
  http({ retry: { attempts: 11 } }, "spec.rules[0].retry.attempts must be <= 10"),
  http(
    { sessionPersistence: {} },
    "spec.rules[0].sessionPersistence is not supported (requests are balanced one by one)",
  ),
  filter(
    { type: "RequestRedirect", requestRedirect: {} },
    "spec.rules[0].filters[0].type RequestRedirect is not supported (redirects are for browsers; let the service answer them)",
  ),
  filter(
    { type: "Nonsense" },
    "spec.rules[0].filters[0].type Nonsense is not supported (one of RequestHeaderModifier, ResponseHeaderModifier, RequestMirror)",
  ),
  filter({ type: "RequestMirror" }, "spec.rules[0].filters[0] is of type RequestMirror and has no requestMirror"),
  filter(
    { type: "RequestMirror", requestMirror: { backendRef: { name: "a" }, fraction: { numerator: 3, denominator: 2 } } },
    "spec.rules[0].filters[0].requestMirror.fraction 3 of 2 is more than all",
  ),
  filter(
    { type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "a b", value: "1" }] } },
    'spec.rules[0].filters[0].requestHeaderModifier.set[0].name "a b" cannot be the name of a header (letters, digits and any of !#$%&\'*+-.^_`|~)',
  ),
  filter(
    { type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: ":path", value: "/x" }] } },
    'spec.rules[0].filters[0].requestHeaderModifier.set[0].name ":path" cannot be the name of a header (letters, digits and any of !#$%&\'*+-.^_`|~)',
  ),
  filter(
    { type: "RequestHeaderModifier", requestHeaderModifier: { add: [{ name: "Host", value: "x" }] } },
    'spec.rules[0].filters[0].requestHeaderModifier.add[0].name "Host" is the proxy\'s: it frames or leads the message (leave it out)',
  ),
  filter(
    { type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "l5d-client-id", value: "x" }] } },
    'spec.rules[0].filters[0].requestHeaderModifier.set[0].name "l5d-client-id" is what proxies tell each other (take another name)',
  ),
  filter(
    { type: "ResponseHeaderModifier", responseHeaderModifier: { set: [{ name: "x", value: "a\r\nb: c" }] } },
    "spec.rules[0].filters[0].responseHeaderModifier.set[0].value cannot be the value of a header (printable ASCII, without a blank at either end)",
  ),
  grpc(
    { matches: [{ method: { service: "a/b" } }] },
    'spec.rules[0].matches[0].method.service "a/b" is no gRPC service (such as demo.v1.Users)',
  ),
  grpc(
    { retry: { codes: ["BUSY"] } },
    'spec.rules[0].retry.codes[0] "BUSY" is no gRPC status to retry (such as UNAVAILABLE)',
  ),
  budget({}, "spec says nothing (retryConstraint: { budget: { percent: 20 } })"),
  budget({ retryConstraint: { budget: { percent: 101 } } }, "spec.retryConstraint.budget.percent must be <= 100"),
  budget(
    { retryConstraint: { budget: { interval: "2h" } } },
    "spec.retryConstraint.budget.interval 2h is too long (at most 1h)",
  ),
  // Objectives.
  slo({ objective: 0.99 }, "spec.objective 0.99 is not a percentage (write 99)"),
  slo({ objective: 100 }, "spec.objective 100 leaves no room for errors, or no promise (from 1 to 99.999 percent)"),
  slo({ windows: { short: "10m", long: "5m" } }, "spec.windows short 10m is not shorter than long 5m"),
  slo({ burnRate: 0 }, "spec.burnRate must be > 0"),
];

describe("a file that is wrong", () => {
  for (const [kind, spec, problem] of cases) {
    it(`is told: ${kind} ${JSON.stringify(spec).slice(0, 90)}`, () => {
      assert.deepEqual(problems(kind, spec), [problem]);
    });
  }

  it("is told the place in an expression, and the nearest name", () => {
    const [found] = problems("AuthorizationPolicy", { action: "Deny", rules: [{ when: "request.methd == 'GET'" }] });
    assert.match(found ?? "", /^spec\.rules\[0\]\.when column \d+: .*methd.*method/);
  });

  it("is told what no proxy could run", () => {
    const match = { path: { type: "RegularExpression", value: "(a" } };
    const [found] = problems("HTTPRoute", { parentRefs: users, rules: [{ matches: [match] }] });
    assert.match(
      found ?? "",
      /^spec\.rules\[0\]\.matches\[0\]\.path\.value cannot be enforced: "\(a" is no regular expression/,
    );
  });
});

it("kinds of policies are known to the other services, which leave them alone", () => {
  for (const { kind } of KINDS)
    assert.ok(KIND_NAMES.includes(kind), `${kind} is missing in runtime/src/resources/kinds.ts`);
});

describe("a file that is right", () => {
  it("may use everything that is documented", () => {
    const right: readonly (readonly [string, object])[] = [
      [
        "AuthorizationPolicy",
        {
          targetRefs: users,
          action: "Plugin",
          rules: [
            {
              from: [
                {
                  identities: ["*"],
                  notIdentities: ["spiffe://cluster.local/ns/*/sa/web"],
                  namespaces: ["a"],
                  notNamespaces: ["b"],
                },
              ],
              to: [{ methods: ["GET"], notMethods: ["PUT"], paths: ["/a", "/b/*", "*/c"], notPaths: ["/b/x"] }],
              when: 'request.headers["x-tenant"] == "blue"',
            },
          ],
          plugin: { name: "opa", namespace: "tools", failurePolicy: "Open", headers: ["Authorization"] },
        },
      ],
      [
        "RateLimitPolicy",
        {
          limits: [
            { name: "a", by: ["source", "route", "method", "header:x-tenant"], requests: 1, per: "1h30m", burst: 5 },
          ],
          plugin: { name: "global", failurePolicy: "Closed" },
        },
      ],
      [
        "HTTPRoute",
        {
          parentRefs: [{ group: "core", kind: "Service", name: "users", namespace: "other", port: 80 }],
          rules: [
            {
              name: "one",
              matches: [
                {
                  path: { type: "RegularExpression", value: "/a/[0-9]+" },
                  headers: [{ type: "RegularExpression", name: "x", value: "a.*" }],
                  queryParams: [{ name: "q", value: "1" }],
                  method: "GET",
                },
              ],
              filters: [
                {
                  type: "RequestHeaderModifier",
                  requestHeaderModifier: { set: [{ name: "x-a", value: "1" }], remove: ["x-b"] },
                },
                { type: "ResponseHeaderModifier", responseHeaderModifier: { add: [{ name: "x-c", value: "2" }] } },
                { type: "RequestMirror", requestMirror: { backendRef: { name: "shadow" }, percent: 1 } },
                { type: "RequestMirror", requestMirror: { backendRef: { name: "dark" }, fraction: { numerator: 1 } } },
              ],
              backendRefs: [
                { name: "users", port: 80, weight: 0 },
                { name: "next", namespace: "other", weight: 1_000_000 },
              ],
              timeouts: { request: "0s", backendRequest: "1s" },
              retry: { codes: [500, 503], attempts: 0, backoff: "10ms" },
            },
            {},
          ],
        },
      ],
      [
        "GRPCRoute",
        {
          parentRefs: users,
          rules: [
            {
              matches: [
                { method: { service: "demo.v1.Users", method: "Get" } },
                { method: { type: "RegularExpression", method: "Get.*" } },
              ],
            },
            { retry: { codes: ["unavailable", 8] }, timeouts: { request: "1s" } },
          ],
        },
      ],
      [
        "XBackendTrafficPolicy",
        { targetRefs: users, retryConstraint: { budget: { percent: 0 }, minRetryRate: { count: 0, interval: "10s" } } },
      ],
      [
        "ServiceLevelObjective",
        {
          target: { name: "users" },
          source: { name: "web", namespace: "a" },
          objective: 99.9,
          latency: { under: "250ms" },
          windows: { short: "1m", long: "10m" },
          burnRate: 2,
        },
      ],
    ];
    for (const [kind, spec] of right) assert.deepEqual(problems(kind, spec), [], kind);
  });
});
