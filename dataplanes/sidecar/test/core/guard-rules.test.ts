import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import { AuthorizationAction, DefaultAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { ALLOW_ALL, allow, deny } from "../../../client/test/support/policy.ts";
import { type RequestHead, readRequestFields } from "../../src/core/http/request-head.ts";
import type { Peer, Refusal, Verdict } from "../../src/core/policy/guard.ts";
import { spiffe } from "../support/certificates.ts";
import { createTestGuard, type TestGuard } from "../support/guarded.ts";

function peer(name: string, namespace = "default"): Peer {
  return { name, identity: name === "unknown" ? "" : spiffe(name, namespace), address: "127.0.0.1:5000" };
}

function head(path = "/", headers: readonly string[] = [], method = "GET"): RequestHead {
  return { ...readRequestFields(headers, "1.1"), method, path, authority: "users" };
}

/** "200" when it may pass, else status and code. */
async function ask(guard: TestGuard, from: Peer, request = head()): Promise<string> {
  return told(await guard.request(request, from, 1));
}

function told(refusal: Refusal | undefined): string {
  return refusal === undefined ? "200" : `${refusal.answer.status} ${refusal.answer.code}`;
}

const DENY_ALL = { defaultAction: DefaultAction.DENY };

function plugin(name: string, failurePolicy: FailurePolicy) {
  const ref = { kind: "AuthorizationPolicy", namespace: "default", name };
  return { ref, action: AuthorizationAction.PLUGIN, plugin: { namespace: "default", name: "opa", failurePolicy } };
}

function limits(by: string[], rest: { requests?: number; plugin?: FailurePolicy } = {}) {
  const ref = { kind: "RateLimitPolicy", namespace: "default", name: "per-client" };
  const shared = { namespace: "default", name: "global", failurePolicy: rest.plugin ?? FailurePolicy.CLOSED };
  return {
    ...ALLOW_ALL,
    rateLimits: [
      {
        ref,
        limits: [{ name: "all", by, requests: rest.requests ?? 2, per: { seconds: 1n } }],
        ...(rest.plugin === undefined ? {} : { plugin: shared }),
      },
    ],
  };
}

describe("a guard with rules", () => {
  it("says nothing at all, at once, where there are none", () => {
    const guard = createTestGuard(ALLOW_ALL);
    assert.equal(guard.request(head(), peer("web"), 1), undefined);
    assert.equal(guard.connection(peer("web")), undefined);
    assert.deepEqual(guard.decisions(), {});
  });

  it("refuses with 403 and the policy's name, which only development tells the client", async () => {
    for (const namePolicies of [true, false]) {
      const guard = createTestGuard(
        { ...ALLOW_ALL, authorization: [deny("no-staging", [{ from: [{ namespaces: ["staging"] }] }])] },
        { namePolicies },
      );
      assert.equal(await ask(guard, peer("web")), "200");
      const refusal = await guard.request(head(), peer("web.staging", "staging"), 1);
      assert.equal(told(refusal), "403 denied");
      assert.equal(refusal?.policy, "AuthorizationPolicy default/no-staging");
      assert.deepEqual(refusal?.extra, namePolicies ? ["mesh-policy", refusal?.policy] : []);
      assert.equal(refusal?.answer.text.includes("no-staging"), namePolicies);
      assert.deepEqual(guard.decisions(), {
        "default web ALLOWED": 1,
        "AuthorizationPolicy default/no-staging web.staging DENIED": 1,
      });
    }
  });

  it("knows callers by their proof alone", async () => {
    const guard = createTestGuard({
      ...ALLOW_ALL,
      authorization: [allow("web", [{ from: [{ identities: [spiffe("web")] }] }])],
    });
    assert.equal(await ask(guard, peer("web")), "200");
    assert.equal(await ask(guard, peer("other")), "403 denied");
    assert.equal(await ask(guard, { ...peer("unknown"), name: "web" }), "403 denied");
  });

  it("refuses everything where the default denies and nothing allows", async () => {
    const guard = createTestGuard(DENY_ALL);
    assert.equal(await ask(guard, peer("web")), "403 denied");
    assert.equal(told(await guard.connection(peer("web"))), "403 denied");
  });

  it("decides on connections that nobody looks into by who calls", async () => {
    const guard = createTestGuard({
      ...ALLOW_ALL,
      authorization: [deny("no-staging", [{ from: [{ namespaces: ["staging"] }] }])],
    });
    assert.equal(told(await guard.connection(peer("web"))), "200");
    assert.equal(told(await guard.connection(peer("web", "staging"))), "403 denied");
  });

  it("notes what audit policies match, without effect", async () => {
    const ref = { kind: "AuthorizationPolicy", namespace: "default", name: "watch" };
    const guard = createTestGuard({ ...ALLOW_ALL, authorization: [{ ref, action: AuthorizationAction.AUDIT }] });
    assert.equal(await ask(guard, peer("web")), "200");
    assert.deepEqual(guard.audited, ["AuthorizationPolicy default/watch web"]);
    assert.equal(guard.decisions()["AuthorizationPolicy default/watch web AUDITED"], 1);
  });

  it("refuses paths of two readings only where rules look at paths", async () => {
    const paths = { ...ALLOW_ALL, authorization: [deny("admin", [{ to: [{ paths: ["/admin/*"] }] }])] };
    for (const path of ["/x%2Fadmin", "/x%5Cadmin", "/x%00"]) {
      assert.equal(await ask(createTestGuard(paths), peer("web"), head(path)), "400 ambiguous-path", path);
      const without = createTestGuard({
        ...ALLOW_ALL,
        authorization: [deny("none", [{ from: [{ namespaces: ["x"] }] }])],
      });
      assert.equal(await ask(without, peer("web"), head(path)), "200", path);
    }
  });
});

describe("a guard without rules", () => {
  it("does what the mesh does by default", async () => {
    assert.equal(await ask(createTestGuard(undefined), peer("web")), "200");
    assert.equal(await ask(createTestGuard(undefined, { defaultAuthorization: "deny" }), peer("web")), "403 denied");
  });

  it("waits for the first ones, also where the default denies", async () => {
    const first = Promise.withResolvers<void>();
    let settled = false;
    const source = { settled: () => settled, ready: () => first.promise };
    const guard = createTestGuard(undefined, { source, defaultAuthorization: "deny" });
    const verdict = guard.request(head(), peer("web"), 1);
    assert.ok(verdict instanceof Promise);
    settled = true;
    first.resolve();
    assert.equal(told(await verdict), "403 denied");
  });

  it("refuses when it was sent some that it cannot enforce, and lets proven callers try elsewhere", async () => {
    const guard = createTestGuard(undefined, { source: { unenforceable: () => "it is older" } });
    const refusal = await guard.request(head(), peer("web"), 1);
    assert.equal(told(refusal), "503 policy-unknown");
    assert.deepEqual(refusal?.extra, ["mesh-unprocessed", "1"]);
    const unproven: Verdict = guard.request(head(), peer("unknown"), 1);
    assert.deepEqual((await unproven)?.extra, []);
  });
});

describe("limits", () => {
  it("count by source, and tell when to try again", async () => {
    const guard = createTestGuard(limits(["source"]));
    assert.deepEqual([await ask(guard, peer("web")), await ask(guard, peer("web"))], ["200", "200"]);
    const refusal = await guard.request(head(), peer("web"), 1);
    assert.equal(told(refusal), "429 rate-limited");
    assert.equal(refusal?.answer.grpcStatus, 8);
    assert.deepEqual(refusal?.extra, ["retry-after", "1", "mesh-policy", "RateLimitPolicy default/per-client"]);
    assert.equal(await ask(guard, peer("batch")), "200");
    guard.time = 500;
    assert.equal(await ask(guard, peer("web")), "200");
    assert.equal(guard.decisions()["RateLimitPolicy default/per-client web LIMITED"], 1);
  });

  it("count by header, method and route", async () => {
    for (const [by, one, other] of [
      ["header:x-tenant", head("/", ["x-tenant", "a"]), head("/", ["X-Tenant", "b"])],
      ["method", head(), head("/", [], "POST")],
      ["route", head("/users/1"), head("/carts/1")],
    ] as const) {
      const guard = createTestGuard(limits([by], { requests: 1 }));
      assert.equal(await ask(guard, peer("web"), one), "200", by);
      assert.equal(await ask(guard, peer("web"), one), "429 rate-limited", by);
      assert.equal(await ask(guard, peer("web"), other), "200", by);
    }
  });

  it("count nothing that authorization refuses", async () => {
    const guard = createTestGuard({
      ...limits([], { requests: 1 }),
      authorization: [deny("no", [{ to: [{ methods: ["POST"] }] }])],
    });
    assert.equal(await ask(guard, peer("web"), head("/", [], "POST")), "403 denied");
    assert.equal(await ask(guard, peer("web")), "200");
  });

  it("hold a bounded number of buckets", async () => {
    const guard = createTestGuard(limits(["header:x-tenant"]));
    for (let i = 0; i < 10_010; i += 1) void guard.request(head("/", ["x-tenant", String(i)]), peer("web"), 1);
    assert.equal(guard.limiter.evicted(), 10);
  });

  it("by who calls are not forgotten for values that a client invents", async () => {
    const [policy] = limits(["source"], { requests: 1 }).rateLimits;
    assert.ok(policy);
    const [each] = policy.limits;
    assert.ok(each);
    const login = { ...each, name: "login", to: [{ paths: ["/login"] }] };
    const tenant = { ...each, name: "tenant", by: ["header:x-tenant"], to: [{ paths: ["/cart"] }] };
    const guard = createTestGuard({ ...ALLOW_ALL, rateLimits: [{ ...policy, limits: [login, tenant] }] });
    assert.equal(await ask(guard, peer("web"), head("/login")), "200");
    for (let i = 0; i < 10_010; i += 1) void guard.request(head("/cart", ["x-tenant", String(i)]), peer("web"), 1);
    assert.equal(await ask(guard, peer("web"), head("/login")), "429 rate-limited");
  });

  it("of a plugin are spent from its lease", async () => {
    let calls = 0;
    const lease = () => {
      calls += 1;
      return Promise.resolve({ granted: calls === 1 ? 2 : 0, validMs: 1_000, retryAfterMs: undefined });
    };
    const guard = createTestGuard(limits([], { plugin: FailurePolicy.CLOSED }), { lease });
    const answers = await Promise.all([1, 2, 3].map(() => ask(guard, peer("web"))));
    assert.deepEqual(answers.toSorted(), ["200", "200", "429 rate-limited"]);
    assert.equal(calls, 2);
  });

  it("of a plugin that is away follow its failure policy", async () => {
    const open = createTestGuard(limits([], { plugin: FailurePolicy.OPEN }));
    assert.equal(await ask(open, peer("web")), "200");
    assert.equal(open.decisions()["RateLimitPolicy default/per-client web FAILED_OPEN"], 1);
    const closed = createTestGuard(limits([], { plugin: FailurePolicy.CLOSED }));
    assert.equal(await ask(closed, peer("web")), "503 policy-unavailable");
    assert.equal(closed.decisions()["RateLimitPolicy default/per-client web FAILED_CLOSED"], 1);
  });
});

describe("plugins that decide", () => {
  const { OPEN, CLOSED } = FailurePolicy;
  const yes = { allowed: true, reason: "", status: 0, ttlMs: undefined, vary: [] };
  const no = { ...yes, allowed: false, reason: "not\r\ntoday", status: 401 };

  it("must all consent", async () => {
    const answers = [yes, no];
    const guard = createTestGuard(
      { ...ALLOW_ALL, authorization: [plugin("one", CLOSED), plugin("two", CLOSED)] },
      { authorize: () => Promise.resolve(answers.shift() ?? yes) },
    );
    const refusal = await guard.request(head(), peer("web"), 1);
    assert.equal(told(refusal), "401 denied");
    assert.equal(refusal?.answer.text, "not today");
    assert.equal(refusal?.policy, "AuthorizationPolicy default/two");
    assert.equal(await ask(guard, peer("web")), "200");
  });

  it("are not asked about what is denied anyway, and do not overrule a denial", async () => {
    let calls = 0;
    const authorize = () => {
      calls += 1;
      return Promise.resolve(yes);
    };
    const guard = createTestGuard({ ...ALLOW_ALL, authorization: [plugin("one", OPEN), deny("no")] }, { authorize });
    assert.equal(await ask(guard, peer("web")), "403 denied");
    assert.equal(calls, 0);
  });

  it("that cannot be asked follow their failure policy", async () => {
    const open = createTestGuard({ ...ALLOW_ALL, authorization: [plugin("one", OPEN)] });
    assert.equal(await ask(open, peer("web")), "200");
    assert.equal(open.decisions()["AuthorizationPolicy default/one web FAILED_OPEN"], 1);
    const closed = createTestGuard({ ...ALLOW_ALL, authorization: [plugin("one", OPEN), plugin("two", CLOSED)] });
    assert.equal(await ask(closed, peer("web")), "503 policy-unavailable");
  });

  it("cannot count what is inside of bytes that nobody looks into, so those are refused where a limit may hold", async () => {
    const guard = createTestGuard(limits(["source"], { requests: 100 }));
    const refusal = await guard.connection(peer("web"));
    assert.deepEqual([told(refusal), refusal?.policy], ["403 denied", "RateLimitPolicy default/per-client"]);
    const { rateLimits, ...rest } = limits([]);
    const [policy] = rateLimits;
    assert.ok(policy);
    const [limit] = policy.limits;
    assert.ok(limit);
    for (const what of [{ to: [{ paths: ["/admin/*"] }] }, { when: 'request.method == "GET"' }]) {
      const some = { ...limit, ...what, from: [{ namespaces: ["staging"] }] };
      const part = createTestGuard({ ...rest, rateLimits: [{ ...policy, limits: [some] }] });
      assert.equal(told(await part.connection(peer("web"))), "200");
      assert.equal(told(await part.connection(peer("web", "staging"))), "403 denied");
    }
  });

  it("cannot judge bytes that nobody looks into, so those are refused", async () => {
    const guard = createTestGuard(
      { ...ALLOW_ALL, authorization: [plugin("one", OPEN)] },
      { authorize: () => Promise.resolve(yes) },
    );
    assert.equal(told(await guard.connection(peer("web"))), "403 denied");
  });
});
