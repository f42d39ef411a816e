import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { RequestFacts, ResponseFacts } from "@patchbay/model";
import { SelectorSchema } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import fc from "fast-check";
import { compileSelector, REDACTED, redacted } from "../../src/index.ts";
import { compileStatus } from "../../src/match/status-pattern.ts";

type Asked = MessageInitShape<typeof SelectorSchema>;

const request: RequestFacts = {
  method: "GET",
  path: "/cart/items",
  query: "",
  host: "users",
  headers: ["X-Tenant", "acme", "Authorization", REDACTED],
  protocol: "http/1.1",
  source: { identity: "", namespace: "default", service: "web", address: "" },
  target: { namespace: "default", service: "users" },
  tls: true,
  direction: "inbound",
};

const response: ResponseFacts = {
  code: 503,
  grpcStatus: undefined,
  latencyMs: 12,
  requestBytes: 0,
  responseBytes: 0,
  headers: [],
  attempts: 1,
  error: "",
  traceId: "",
};

function selects(asked: Asked, answer: ResponseFacts = response): boolean {
  const compiled = compileSelector(create(SelectorSchema, asked));
  assert.ok(compiled.ok, compiled.ok ? "" : compiled.problem.message);
  return compiled.selection.begins(request) && compiled.selection.ends(request, answer);
}

function refusal(asked: Asked) {
  const compiled = compileSelector(create(SelectorSchema, asked));
  assert.ok(!compiled.ok);
  return compiled.problem;
}

describe("a selector", () => {
  it("that is empty selects everything", () => {
    assert.ok(selects({}));
  });

  it("compares method, path, headers and status, and all have to agree", () => {
    const all = { method: "GET", path: "/cart/*", headers: { "x-tenant": "acme" }, status: "5xx" };
    assert.ok(selects(all));
    assert.ok(!selects({ ...all, method: "POST" }));
    assert.ok(!selects({ ...all, path: "*/info" }));
    assert.ok(!selects({ ...all, headers: { "x-tenant": "other" } }));
    assert.ok(!selects({ ...all, status: "4xx" }));
  });

  it("finds paths by their beginning, their end, or all of them", () => {
    assert.ok(selects({ path: "/cart/items" }));
    assert.ok(selects({ path: "*/items" }));
    assert.ok(selects({ path: "*" }));
    assert.ok(!selects({ path: "/cart" }));
  });

  it("asks for a header by its name alone, even when it holds a secret", () => {
    assert.ok(selects({ headers: { authorization: "" } }));
    assert.ok(!selects({ headers: { cookie: "" } }));
  });

  it("never compares the value of a secret", () => {
    const { field, message } = refusal({ headers: { authorization: "Bearer x" } });
    assert.equal(field, "headers");
    assert.match(message, /secret/);
  });

  it("waits for the answer only when it has to", () => {
    const needs = (where: string): boolean => {
      const compiled = compileSelector(create(SelectorSchema, { when: where }));
      return compiled.ok && (compiled.selection.needsResponse || compiled.selection.needsEndpoint);
    };
    assert.equal(needs('request.method == "GET"'), false);
    assert.equal(needs("response.code >= 500"), true);
    assert.equal(needs('target.backend != ""'), true);
  });

  it("evaluates its expression over request and answer", () => {
    const where = 'response.code >= 500 && request.path.startsWith("/cart")';
    assert.ok(selects({ when: where }));
    assert.ok(!selects({ when: where }, { ...response, code: 200 }));
  });

  it("is refused with the place and the nearest name when its expression is wrong", () => {
    const { field, column, hint } = refusal({ when: "request.method == 'GET' && response.cod >= 500" });
    assert.deepEqual([field, column], ["where", 28]);
    assert.match(hint, /response\.code/);
  });

  const wrong: readonly (readonly [string, Asked, string])[] = [
    ["a target without namespace", { target: "users" }, "target"],
    ["a method with a blank", { method: "GET /" }, "method"],
    ["a path with a query", { path: "/cart?x=1" }, "path"],
    ["a star in the middle of a path", { path: "/a*b" }, "path"],
    ["a star at both ends of a path", { path: "*a*" }, "path"],
    ["a status that is none", { status: "6xx" }, "status"],
    ["a share above 1", { sample: 1.5 }, "sample"],
    ["a share that is no number", { sample: Number.NaN }, "sample"],
    ["a header's name in capitals", { headers: { "X-A": "" } }, "headers"],
    ["a header to show that cannot be one", { showHeaders: ["a b"] }, "show_headers"],
  ];
  for (const [what, asked, field] of wrong)
    it(`is refused for ${what}`, () => {
      assert.equal(refusal(asked).field, field);
    });
});

describe("a list of statuses", () => {
  const range = fc.tuple(fc.integer({ min: 100, max: 999 }), fc.integer({ min: 0, max: 50 }));

  it("holds exactly the statuses of its parts", () => {
    fc.assert(
      fc.property(
        fc.array(range, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 100, max: 1_100 }),
        (ranges, status) => {
          const capped = ranges.map(([low, more]) => [low, Math.min(999, low + more)] as const);
          const compiled = compileStatus(capped.map(([low, high]) => `${low}-${high}`).join(", "));
          assert.ok(compiled.ok && compiled.test);
          assert.equal(
            compiled.test(status),
            capped.some(([low, high]) => status >= low && status <= high),
          );
        },
      ),
    );
  });

  it("knows groups, and 0 for no answer", () => {
    const compiled = compileStatus("5xx,0");
    assert.ok(compiled.ok && compiled.test);
    assert.deepEqual([0, 200, 500, 599].map(compiled.test), [true, false, true, true]);
  });
});

describe("redaction", () => {
  it("replaces secrets in any spelling and leaves everything else", () => {
    const names = fc.constantFrom("Authorization", "COOKIE", "set-cookie", "X-Api-Key", "Proxy-Authorization");
    const others = fc.constantFrom("accept", "x-tenant", "authorizatio", "cookies", "x-api-kex");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.oneof(names, others), fc.string({ minLength: 1 })), { maxLength: 6 }),
        (fields) => {
          const list = redacted(fields.flat());
          for (const [index, [name, value]] of fields.entries()) {
            const secret = /^(authorization|cookie|set-cookie|x-api-key|proxy-authorization)$/i.test(name);
            assert.equal(list[index * 2], name);
            assert.equal(list[index * 2 + 1], secret ? REDACTED : value);
          }
        },
      ),
    );
  });
});

describe("a field's secret", () => {
  it("is one in any spelling, and with underscores as CGI reads it", () => {
    const fields = ["X_API_Key", "a", "Set_Cookie", "b", "PROXY-Authorization", "c", "x-api", "d", "cookies", "e"];
    assert.deepEqual(
      redacted(fields).filter((_, i) => i % 2 === 1),
      [REDACTED, REDACTED, REDACTED, "d", "e"],
    );
  });
});
