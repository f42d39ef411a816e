import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { RequestFacts } from "@patchbay/model";
import {
  MatchType,
  OutboundSchema,
  type RouteMatchSchema,
  type RouteRuleSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileRoutes, pickBackend, type RouteTable } from "@patchbay/rules";
import fc from "fast-check";
import { requestFacts } from "../support/facts.ts";

type Match = Omit<MessageInitShape<typeof RouteMatchSchema>, "$typeName">;
type Rule = Omit<MessageInitShape<typeof RouteRuleSchema>, "$typeName">;
const { EXACT, PATH_PREFIX, REGULAR_EXPRESSION } = MatchType;

/** One rule for each match. */
function routes(matches: readonly Match[], rule: Rule = {}): RouteTable {
  const ref = { kind: "HTTPRoute", namespace: "default", name: "users" };
  return compileRoutes(
    create(OutboundSchema, {
      rules: matches.map((_, index) => ({ ref, index, ...rule })),
      matches: matches.map((match, index) => ({ rule: index, ...match })),
    }),
  );
}

function taken(table: RouteTable, facts: Partial<Omit<RequestFacts, "source">>): number | string {
  const matched = table.match(requestFacts(facts));
  return matched.kind === "rule" ? matched.rule.index : matched.kind;
}

describe("routes", () => {
  it("that are not there leave everything as it is", () => {
    assert.equal(taken(routes([]), {}), "none");
  });

  it("answer 404 to what none of them matches", () => {
    assert.equal(taken(routes([{ method: "POST" }]), {}), "unmatched");
  });

  it("decide by the first that matches", () => {
    const table = routes([{ path: { type: EXACT, value: "/a" } }, { path: { type: PATH_PREFIX, value: "/" } }]);
    assert.equal(taken(table, { path: "/a" }), 0);
    assert.equal(taken(table, { path: "/a/b" }), 1);
  });

  it("take a prefix by path elements", () => {
    for (const value of ["/abc", "/abc/"]) {
      const table = routes([{ path: { type: PATH_PREFIX, value } }]);
      for (const path of ["/abc", "/abc/", "/abc/d"]) assert.equal(taken(table, { path }), 0, `${value} ${path}`);
      for (const path of ["/abcd", "/ab", "/", "/ABC"])
        assert.equal(taken(table, { path }), "unmatched", `${value} ${path}`);
    }
    const root = routes([{ path: { type: PATH_PREFIX, value: "/" } }]);
    for (const path of ["/", "/a"]) assert.equal(taken(root, { path }), 0);
  });

  it("take a regular expression over the whole value", () => {
    const table = routes([
      {
        path: { type: REGULAR_EXPRESSION, value: "/v[0-9]+/.*" },
        headers: [{ name: "X-Env", type: REGULAR_EXPRESSION, value: "a|ab" }],
      },
    ]);
    assert.equal(taken(table, { path: "/v2/x", headers: ["x-env", "ab"] }), 0);
    assert.equal(taken(table, { path: "/x/v2/x", headers: ["x-env", "ab"] }), "unmatched");
    assert.equal(taken(table, { path: "/v2/x", headers: ["x-env", "abc"] }), "unmatched");
  });

  it("need every header and query parameter, the first value of each", () => {
    const table = routes([
      {
        headers: [{ name: "version", type: EXACT, value: "two" }],
        queryParams: [{ name: "q", type: EXACT, value: "a b" }],
      },
    ]);
    assert.equal(taken(table, { headers: ["Version", "two"], query: "q=a+b&q=c" }), 0);
    assert.equal(taken(table, { headers: ["Version", "two"], query: "q=c&q=a+b" }), "unmatched");
    assert.equal(taken(table, { query: "q=a%20b" }), "unmatched");
  });

  it("tell gRPC and ports apart", () => {
    const table = routes([{ grpc: true }, { port: 8080 }]);
    assert.equal(taken(table, { protocol: "grpc" }), 0);
    assert.equal(taken(table, { port: 8080 }), 1);
    assert.equal(taken(table, {}), "unmatched");
  });

  it("explain why one is taken and those before it are not", () => {
    const rule: Rule = {
      backends: [{ authority: "users-next:80", weight: 1 }],
      requestTimeout: durationFromMs(500),
      retry: { codes: [503], attempts: 2 },
      requestHeaders: { set: [{ name: "x", value: "1" }] },
      mirrors: [{ authority: "shadow:80", numerator: 1, denominator: 10 }],
    };
    const table = routes([{ method: "POST" }, { path: { type: PATH_PREFIX, value: "/cart" } }], rule);
    const { why, effects, backends } = table.explain(requestFacts({ path: "/cart/1" }));
    assert.deepEqual(why, [
      "HTTPRoute default/users rule 1 does not match: the method is GET, not POST",
      "HTTPRoute default/users rule 2 matches",
    ]);
    assert.deepEqual(effects, [
      "answered 504 after 500ms",
      "tried again up to 2 times on 503",
      "sets request header x: 1",
      "copies 1 of 10 requests to shadow:80",
    ]);
    assert.equal(backends?.length, 1);
    assert.match(table.explain(requestFacts()).why?.at(-1) ?? "", /answered 404/);
  });

  it("are refused when they cannot be enforced", () => {
    assert.throws(
      () => routes([{ path: { type: REGULAR_EXPRESSION, value: "(?=a)" } }]),
      /HTTPRoute default\/users: .*RE2/,
    );
    assert.throws(() => routes([{ path: { value: "/a" } }]), /by match type 0/);
    assert.throws(() => routes([{ headers: [{ name: "a", type: PATH_PREFIX, value: "b" }] }]), /by match type 2/);
    assert.throws(() => routes([{ rule: 7 }]), /rule 7, which is not there/);
    assert.throws(() => routes([{ path: { type: 9 as MatchType, value: "" } }]), /matches\[0\]\.path\.type: 9/);
  });
});

describe("picking a backend", () => {
  const backends = (...weights: readonly number[]) =>
    create(OutboundSchema, { rules: [{ backends: weights.map((weight, i) => ({ authority: `b${i}`, weight })) }] })
      .rules[0] ?? assert.fail();

  it("follows the weights", () => {
    const rule = backends(90, 0, 10);
    const counts: Record<string, number> = {};
    for (let i = 0; i < 1_000; i += 1) {
      const name = pickBackend(rule, i / 1_000)?.authority ?? "";
      counts[name] = (counts[name] ?? 0) + 1;
    }
    assert.deepEqual(counts, { b0: 900, b2: 100 });
  });

  it("gives none when all weights are 0 or there is nothing", () => {
    assert.equal(pickBackend(backends(0, 0), 0.5), undefined);
    assert.equal(pickBackend(backends(), 0.5), undefined);
  });

  it("never gives one of weight 0, and always one otherwise", () => {
    const weight = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 4_294_967_295 }));
    fc.assert(
      fc.property(
        fc.array(weight, { minLength: 1, maxLength: 16 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (weights, random) => {
          const picked = pickBackend(backends(...weights), random);
          assert.equal(
            picked === undefined,
            weights.every((each) => each === 0),
          );
          assert.notEqual(picked?.weight, 0);
        },
      ),
      { numRuns: 500 },
    );
  });
});
