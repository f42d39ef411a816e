import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import { InboundSchema, type RateLimitSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileLimits, type Limits } from "@patchbay/rules";
import { requestFacts } from "../support/facts.ts";

type Limit = Omit<MessageInitShape<typeof RateLimitSchema>, "$typeName">;

function limits(...all: readonly Limit[]): Limits {
  const written = all.map((limit, index) => ({
    name: `l${index}`,
    requests: 10,
    per: durationFromMs(1_000),
    ...limit,
  }));
  const ref = { kind: "RateLimitPolicy", namespace: "default", name: "p" };
  return compileLimits(create(InboundSchema, { rateLimits: [{ ref, limits: written }] }));
}

describe("rate limits", () => {
  it("count the requests that they name, with a bucket for each combination of values", () => {
    const rules = limits({ by: ["source", "header:X-Tenant"] }, { to: [{ paths: ["/login"] }] });
    const request = requestFacts({ headers: ["x-tenant", "acme"], path: "/" });
    assert.deepEqual(
      rules.matching(request).map(({ limit, key }) => [limit.name, key]),
      [["l0", ["spiffe://cluster.local/ns/web/sa/front", "acme"]]],
    );
    assert.deepEqual(
      rules.matching(requestFacts({ path: "/LOGIN" })).map(({ limit }) => limit.name),
      ["l0", "l1"],
    );
  });

  it("share a bucket only when all values are equal", () => {
    const rules = limits({ by: ["header:a", "header:b"] });
    const id = (a: string, b: string) => rules.matching(requestFacts({ headers: ["a", a, "b", b] }))[0]?.id;
    assert.equal(id("x", "y"), id("x", "y"));
    assert.notEqual(id("x", "y"), id("xy", ""));
    assert.notEqual(id("x", "y"), id("y", "x"));
  });

  it("count by route and method, and a header that is absent as empty", () => {
    const rules = limits({ by: ["route", "method", "header:x"] });
    assert.deepEqual(rules.matching(requestFacts({ route: "GET /a/{id}" }))[0]?.key, ["GET /a/{id}", "GET", ""]);
  });

  it("cut values that a client made long", () => {
    const [matched] = limits({ by: ["header:x"] }).matching(requestFacts({ headers: ["x", "a".repeat(9_000)] }));
    assert.equal(matched?.key[0]?.length, 256);
  });

  it("explain whether they count a request", () => {
    const rules = limits({ from: [{ namespaces: ["staging"] }] }, { by: ["method"] });
    assert.deepEqual(
      rules.explain(requestFacts()).map(({ limit, matched, why, key }) => ({ limit, matched, why, key })),
      [
        { limit: "l0", matched: false, why: "source.namespace is web, not staging", key: [] },
        { limit: "l1", matched: true, why: "counts, 10 per 1s for each method", key: ["GET"] },
      ],
    );
  });

  it("are refused when they cannot be enforced", () => {
    assert.throws(() => limits({ by: ["cookie:a"] }), /cannot count by "cookie:a"/);
    assert.throws(() => limits({ requests: 0 }), /RateLimitPolicy default\/p limit l0: .*no requests/);
    assert.throws(() => limits({ per: durationFromMs(0) }), /per no time/);
    const plugin = { name: "global", failurePolicy: FailurePolicy.UNSPECIFIED };
    const policy = { plugin, limits: [{ name: "l", requests: 1, per: durationFromMs(1) }] };
    assert.throws(() => compileLimits(create(InboundSchema, { rateLimits: [policy] })), /when it does not answer/);
  });
});
