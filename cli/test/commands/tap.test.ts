import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Request, RequestSchema, View } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { createTapPrinter } from "../../src/commands/tap/tap-line.ts";
import { fullName, tapRequest } from "../../src/commands/tap/tap-request.ts";

const REQUEST = {
  inbound: true,
  source: { name: "web" },
  target: { name: "users" },
  started: { seconds: 1_700_000_000n, nanos: 5_000_000 },
  method: "GET",
  path: "/cart",
  status: 200,
  latency: { seconds: 1n, nanos: 500_000_000 },
  requestBytes: 12n,
  responseBytes: 1_500n,
  tls: true,
  attempts: 1,
};

type Change = Exclude<MessageInitShape<typeof RequestSchema>, Request>;

function lines(more: Change = {}, width?: number): string[] {
  return createTapPrinter().lines(create(RequestSchema, { ...REQUEST, ...more }), width);
}

describe("what mesh tap asks for", () => {
  it("names services as people do, with the namespace behind", () => {
    const names = ["users", "users.staging", "staging/users", "users.staging.svc.cluster.local", "a.b.example.com", ""];
    assert.deepEqual(names.map(fullName), [
      "default/users",
      "staging/users",
      "staging/users",
      "staging/users",
      "default/a.b.example.com",
      "",
    ]);
  });

  it("is what the options say", () => {
    const { selector, limit, duration, maxRps } = tapRequest("users", {
      output: "text",
      method: "get",
      from: "web.staging",
      header: ["X-Tenant: acme", "cookie"],
      showHeaders: "Accept, x-a",
      view: "both",
      limit: 3,
      for: 1.5,
      maxRps: 7,
    });
    assert.deepEqual([selector?.target, selector?.source, selector?.method], ["default/users", "staging/web", "GET"]);
    assert.deepEqual(selector?.headers, { "x-tenant": "acme", cookie: "" });
    assert.deepEqual([selector?.showHeaders, selector?.view], [["accept", "x-a"], View.BOTH]);
    assert.deepEqual([limit, duration?.seconds, duration?.nanos, maxRps], [3, 1n, 500_000_000, 7]);
  });

  it("is refused with a mark under the place", () => {
    assert.throws(() => tapRequest("users", { output: "text", where: "a.b" }), /--where: .*\n\n {2}a\.b\n {2}\^/);
    assert.throws(() => tapRequest("users", { output: "text", to: "cart" }), /users or cart/);
    assert.throws(() => tapRequest(undefined, { output: "text", status: "9" }), /--status: "9" is no status/);
  });
});

describe("a line of mesh tap", () => {
  it("has the ends, the call, the answer, how long it took, and bytes both ways", () => {
    const [line] = lines();
    assert.match(line ?? "", /^\d\d:\d\d:20\.005 web -> users GET \/cart +200 +1\.50s 12B>1\.5kB$/);
  });

  it("says what is not usual below it", () => {
    const notes = (more: Change): string => lines(more).slice(1).join("\n").trim();
    assert.equal(notes({}), "");
    assert.equal(
      notes({ error: "denied", policy: "AuthorizationPolicy a/b", status: 403 }),
      "the proxy answered: denied; AuthorizationPolicy a/b",
    );
    assert.equal(notes({ attempts: 3, tls: false }), "3 tries; plain text");
    assert.equal(notes({ inbound: false, proxy: "default/web/x" }), "seen by the caller's proxy, default/web/x");
    assert.equal(notes({ responseHeaders: [{ name: "x-a", value: "1" }] }), "< x-a: 1");
  });

  it("tells what has no answer yet from what never got one", () => {
    assert.match(lines({ open: true, status: 0 })[0] ?? "", / open +-$/);
    assert.match(lines({ status: 0 })[0] ?? "", / none +1\.50s /);
    assert.match(lines({ grpcStatus: 14 })[0] ?? "", / grpc 14 /);
  });

  it("fits a terminal, and writes nothing to it that a request brings", () => {
    const path = `/\x1b[2J${"x".repeat(300)}`;
    const [line = ""] = lines({ path }, 80);
    assert.ok(line.length <= 80, line);
    assert.ok(!line.includes("\x1b") && line.includes("\\x1b"));
  });
});
