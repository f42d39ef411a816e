import fc from "fast-check";

/** One document of a resource file. */
export interface Document {
  readonly kind: string;
  readonly namespace: string;
  readonly spec: object;
}

/** A request as people write it for `mesh explain --request`, and as a program sends it. */
export interface AskedRequest {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly source: string;
}

// Few words, so that much of what is generated meets.
const SERVICES = ["users", "carts"];
const METHODS = ["GET", "POST"];
const PATHS = ["/", "/cart", "/users/1", "/users/1234567", "/admin", "/admin/", "/Admin/x", "/%61dmin", "/x/../admin"];
const ODD_PATHS = ["//admin", "/%2e%2e%2fadmin", "/admin%2fx", "/admin;v=1", "/a%40b", "*", "cart", "/cart#top"];
const QUERIES = ["/cart?a=1", "/cart?a=1&b=%2F&a=2", "/admin?"];
const GRPC_PATH = "/demo.v1.Users/Get";
const SPELLINGS = [
  "users",
  "USERS",
  "users.",
  "users:80",
  "users:8080",
  "Users.Default",
  "users.default.svc:",
  "carts",
];
const FULL = [
  "users.default.svc.cluster.local",
  "Users.Default.svc.cluster.local.:8080",
  "users.staging",
  "carts.staging",
];
const OUTSIDE = ["10.0.0.1:8080", "127.0.0.1.", "[::1]:80", "example.com", "api.example.com", "my_svc.demo"];
const NO_AUTHORITIES = ["us ers", "users:0", "a..b", "-a.demo", "::1", "2130706433", "b\u00fccher.demo"];
const SOURCES = ["", "web", "web.staging", "spiffe://cluster.local/ns/default/sa/web", "spiffe://other/x"];
const CONDITIONS = [
  'request.host == "users"',
  'request.host == "users.default"',
  'request.host.startsWith("users.default.svc")',
  'request.headers["x-tenant"] == "1"',
  'request.headers["x-pathfinder"] == "1"',
  '"x-forwarded-client-cert" in request.headers || "te" in request.headers || "mesh-source" in request.headers',
  '"x-set" in request.headers',
  'request.headers.exists(name, name == "x-drop")',
  'request.route == "GET /cart"',
  'request.route == "GET /users/{id}"',
  'request.route == "/demo.v1.Users/Get"',
  'request.query.contains("a=1")',
  'request.path.startsWith("/admin")',
  'request.protocol == "grpc"',
  'request.protocol == "http/1.1"',
  'request.method == "POST"',
  'source.namespace == "staging"',
  'source.service == "web"',
  'target.service == "users" && target.namespace == "default"',
  "connection.tls",
  'direction == "inbound"',
];

function few<T>(...values: readonly T[]): fc.Arbitrary<T[]> {
  return fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });
}

/** A record whose keys are there or not. */
function partly<T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> {
  return fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
}

const notEmpty = (value: object): boolean => Object.keys(value).length > 0;
const identities = few("spiffe://cluster.local/ns/default/sa/web", "spiffe://cluster.local/ns/staging/*", "*");
const namespaces = few("default", "staging");
const methods = few(...METHODS);
const paths = few("/admin", "/admin/*", "/cart", "*/Get", "/a@b", "*");
const from = fc.array(
  partly({ identities, notIdentities: identities, namespaces, notNamespaces: namespaces }).filter(notEmpty),
  { minLength: 1, maxLength: 2 },
);
const to = fc.array(partly({ methods, notMethods: methods, paths, notPaths: paths }).filter(notEmpty), {
  minLength: 1,
  maxLength: 2,
});
const when = fc.constantFrom(...CONDITIONS);
const condition = partly({ from, to, when }).filter(notEmpty);
const targetRefs = few(...SERVICES).map((names) => names.map((name) => ({ kind: "Service", name })));

const authorization = fc
  .record(
    {
      action: fc.constantFrom("Allow", "Deny", "Deny", "Audit", "Plugin", "Plugin"),
      rules: fc.array(condition, { minLength: 1, maxLength: 2 }),
      targetRefs,
    },
    { requiredKeys: ["action"] },
  )
  .map((spec) => (spec.action === "Plugin" ? { ...spec, plugin: { name: "opa", failurePolicy: "Closed" } } : spec));

const by = few("source", "route", "method", "header:X-Tenant");
const limit = fc
  .tuple(partly({ from, to, when, by }), fc.integer({ min: 1, max: 2 }))
  .map(([parts, requests]) => ({ ...parts, requests, per: "1m" }));
const rateLimit = fc
  .tuple(partly({ targetRefs }), fc.array(limit, { minLength: 1, maxLength: 2 }))
  .map(([parts, limits]) => ({ ...parts, limits: limits.map((each, index) => ({ ...each, name: `l${index}` })) }));

const value = fc.oneof(
  fc.record({ name: fc.constantFrom("X-Tenant", "x-set"), value: fc.constantFrom("1", "2") }),
  fc.constant({ type: "RegularExpression", name: "x-tenant", value: "[12]" }),
);
const one = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> => arbitrary.map((each) => [each]);
const httpMatch = partly({
  path: fc.oneof(
    fc.record({
      type: fc.constantFrom("Exact", "PathPrefix"),
      value: fc.constantFrom("/", "/cart", "/admin", "/users"),
    }),
    fc.constant({ type: "RegularExpression", value: "/users/\\d+" }),
  ),
  headers: one(value),
  queryParams: one(fc.record({ name: fc.constant("a"), value: fc.constantFrom("1", "2") })),
  method: fc.constantFrom(...METHODS),
});
const grpcMatch = partly({
  method: fc.constantFrom<object>(
    { service: "demo.v1.Users" },
    { service: "demo.v1.Users", method: "Get" },
    { method: "Put" },
    { type: "RegularExpression", service: "demo\\..*" },
  ),
  headers: one(value),
});
const backend = fc.record({
  name: fc.constantFrom(...SERVICES),
  namespace: fc.constantFrom("default", "staging"),
  weight: fc.integer({ min: 0, max: 3 }),
});
const header = fc.record({ name: fc.constantFrom("x-tenant", "x-set"), value: fc.constantFrom("1", "2") });
const modifier = partly({ set: one(header), add: one(header), remove: fc.constant(["x-drop"]) });
const filter = fc.oneof(
  modifier.map((requestHeaderModifier) => ({ type: "RequestHeaderModifier", requestHeaderModifier })),
  modifier.map((responseHeaderModifier) => ({ type: "ResponseHeaderModifier", responseHeaderModifier })),
  fc.constant({ type: "RequestMirror", requestMirror: { backendRef: { name: "carts" }, percent: 10 } }),
);
const timeouts = fc.constant({ request: "2s", backendRequest: "1s" });

function routeOf(match: fc.Arbitrary<object>): fc.Arbitrary<object> {
  const rule = partly({
    matches: fc.array(match, { maxLength: 2 }),
    backendRefs: fc.array(backend, { maxLength: 2 }),
    filters: fc.array(filter, { maxLength: 1 }),
    timeouts,
  });
  const parent = fc.record(
    {
      name: fc.constantFrom(...SERVICES),
      namespace: fc.constantFrom("default", "staging"),
      port: fc.constantFrom(80, 8080),
    },
    { requiredKeys: ["name"] },
  );
  return fc.record({
    parentRefs: one(parent.map((each) => ({ group: "", kind: "Service", ...each }))),
    rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
  });
}

const document: fc.Arbitrary<Document> = fc
  .record({
    namespace: fc.constantFrom("default", "default", "staging"),
    of: fc.oneof(
      fc.record({ kind: fc.constant("AuthorizationPolicy"), spec: authorization }),
      fc.record({ kind: fc.constant("RateLimitPolicy"), spec: rateLimit }),
      fc.record({ kind: fc.constant("RateLimitPolicy"), spec: rateLimit }),
      fc.record({ kind: fc.constant("HTTPRoute"), spec: routeOf(httpMatch) }),
      fc.record({ kind: fc.constant("GRPCRoute"), spec: routeOf(grpcMatch) }),
    ),
  })
  .map(({ namespace, of }) => ({ ...of, namespace }));

/** What a folder of resources holds. */
export const folders: fc.Arbitrary<readonly Document[]> = fc.array(document, { minLength: 1, maxLength: 6 });

const headers = partly({
  "X-Tenant": fc.constantFrom("1", "2"),
  "x-pathfinder": fc.constant("1"),
  "x-set": fc.constant("0"),
  "x-drop": fc.constant("1"),
  "Content-Type": fc.constantFrom("application/json", "application/grpc", "Application/gRPC+proto"),
  "x-forwarded-client-cert": fc.constant("By=x"),
  "mesh-source": fc.constant("web"),
  te: fc.constant("trailers"),
});

const either = <T>(often: readonly T[], rarely: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...often) }, { weight: 1, arbitrary: fc.constantFrom(...rarely) });

const plain = fc.record({
  method: fc.constantFrom(...METHODS),
  authority: either([...SPELLINGS, ...FULL], [...OUTSIDE, ...NO_AUTHORITIES]),
  path: fc.oneof(either(PATHS, ODD_PATHS), fc.constantFrom(...QUERIES)),
  headers: headers as fc.Arbitrary<Record<string, string>>,
  source: fc.constantFrom(...SOURCES),
});

/** Any request; a fifth of them are calls of a gRPC method. */
export const requests: fc.Arbitrary<AskedRequest> = fc.oneof(
  { weight: 4, arbitrary: plain },
  {
    weight: 1,
    arbitrary: plain.map((request) => ({
      ...request,
      method: "POST",
      path: GRPC_PATH,
      headers: { ...request.headers, "Content-Type": "application/grpc" },
    })),
  },
);
