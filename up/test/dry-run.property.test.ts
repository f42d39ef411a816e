import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AskedRequest, Document } from "./support/dry-run-cases.ts";
import { compare, compareAll, decisions } from "./support/dry-run-comparison.ts";

const request = (differing: Partial<AskedRequest> = {}): AskedRequest => ({
  method: "GET",
  authority: "users",
  path: "/",
  headers: {},
  source: "web",
  ...differing,
});

const policy = (action: "Allow" | "Deny", when: string): Document => ({
  kind: "AuthorizationPolicy",
  namespace: "default",
  spec: { action, rules: [{ when }] },
});

const limit = (rest: object): Document => ({
  kind: "RateLimitPolicy",
  namespace: "default",
  spec: { limits: [{ name: "l", requests: 1, per: "1m", ...rest }] },
});

describe("a dry run of a request", () => {
  it("reads request.host as the client wrote it", async () => {
    const rule = 'request.host == "users"';
    const asked = [request(), request({ authority: "USERS.:80" }), request({ authority: "users.default" })];
    const denied = await compare([policy("Deny", rule)], asked);
    assert.deepEqual(decisions(denied), ["denied", "denied", "allowed"]);
    assert.deepEqual(decisions(await compare([policy("Allow", rule)], asked)), ["allowed", "allowed", "denied"]);
  });

  it("knows the route under which a request is counted", async () => {
    const rule = 'request.route == "GET /cart"';
    const asked = [request({ path: "/cart?a=1" }), request({ path: "/users/1" })];
    assert.deepEqual(decisions(await compare([policy("Deny", rule)], asked)), ["denied", "allowed"]);
    assert.deepEqual(decisions(await compare([policy("Allow", rule)], asked)), ["allowed", "denied"]);
  });

  it("refuses an ambiguous path when only a rate limit looks at paths", async () => {
    for (const rest of [{ to: [{ paths: ["/admin"] }] }, { by: ["route"] }, { when: 'request.query == "a=1"' }]) {
      const sent = await compare([limit(rest)], [request({ path: "/admin%2fx" })]);
      assert.deepEqual(sent[0]?.policies, ["ambiguous path"]);
    }
  });

  it("takes a path as it is when no rule looks at it, whatever the names of headers are", async () => {
    const when = 'request.headers["x-pathfinder"] == "1"';
    const sent = await compare([limit({ when })], [request({ path: "/admin%2fx", headers: { "x-pathfinder": "1" } })]);
    assert.equal(sent[0]?.decision, "allowed");
  });

  it("says what proxies do, whatever policies and requests there are", async () => {
    await compareAll({ numRuns: 250 });
  });
});
