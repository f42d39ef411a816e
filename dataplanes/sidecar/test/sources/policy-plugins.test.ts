import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createRouterTransport } from "@connectrpc/connect";
import { Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import {
  AuthorizationPolicySchema,
  RateLimitPolicySchema,
  RateLimitSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { eventually } from "@patchbay/testkit";
import type { ClosableTransport } from "@patchbay/wire";
import { proxyTransport } from "../../../client/test/support/core-server.ts";
import { type FakePolicy, startPolicy } from "../../../client/test/support/policy.ts";
import { createPolicyPlugins, type PolicyPlugins } from "../../src/sources/policy-plugins.ts";

describe("questions to plugins, by way of the policy service", () => {
  let policy: FakePolicy;
  let transport: ClosableTransport;
  let plugins: PolicyPlugins;
  const ref = { kind: "AuthorizationPolicy", namespace: "default", name: "opa" };
  const attributes = {
    sourceIdentity: "spiffe://cluster.local/ns/default/sa/web",
    target: "default/users",
    method: "GET",
    path: "/cart",
    headers: { "x-tenant": "a" },
    shown: ["x-tenant"],
  };

  before(async () => {
    policy = await startPolicy();
    transport = proxyTransport(policy.address, "users");
    plugins = createPolicyPlugins(transport);
  });
  after(async () => {
    transport.close();
    await policy.die();
  });

  it("carry what the plugin may see, and bring back what it said", async () => {
    policy.hooks.authorize = ({ policy: asked, request }) => {
      assert.equal(asked?.name, "opa");
      const { sourceIdentity, target, method, path, headers } = request ?? {};
      const { shown: _shown, ...sent } = attributes;
      assert.deepEqual({ sourceIdentity, target, method, path, headers }, sent);
      const decision = { case: "deny", value: { reason: "no", status: 401 } } as const;
      return { decision, ttl: { seconds: 2n }, vary: ["path"] };
    };
    const answer = await plugins.authorize(create(AuthorizationPolicySchema, { ref }), attributes);
    assert.deepEqual(answer, { allowed: false, reason: "no", status: 401, ttlMs: 2_000, vary: ["path"] });
    policy.hooks.authorize = () => ({ decision: { case: "allow", value: {} } });
    const bare = await plugins.authorize(create(AuthorizationPolicySchema, { ref }), attributes);
    assert.deepEqual([bare.allowed, bare.ttlMs, bare.vary], [true, undefined, []]);
  });

  it("ask for shares of a limit by its name and key", async () => {
    policy.hooks.lease = ({ limit, key, wanted, unspent }) => {
      assert.deepEqual([limit, key, wanted, unspent], ["all", ["web"], 10, 3]);
      return { granted: 7, validFor: { nanos: 500_000_000 } };
    };
    const limit = create(RateLimitSchema, { name: "all", requests: 10, per: { seconds: 1n } });
    const matched = { policy: create(RateLimitPolicySchema, { ref }), limit, key: ["web"], id: "all web" };
    const grant = await plugins.lease({ id: "all web", size: 10, matched }, { wanted: 10, unspent: 3 });
    assert.deepEqual(grant, { granted: 7, validMs: 500, retryAfterMs: undefined });
  });

  it("fail at once when a service says nothing several times in a row, until it does again", async () => {
    let hangs = true;
    let asked = 0;
    const hanging = createRouterTransport(({ service }) =>
      service(Policy, {
        async authorize(_request, { signal }) {
          asked += 1;
          if (hangs) await once(signal, "abort");
          return { decision: { case: "allow", value: {} } };
        },
      }),
    );
    const impatient = createPolicyPlugins(hanging, 30);
    const ask = () => impatient.authorize(create(AuthorizationPolicySchema, { ref }), attributes);
    for (let i = 0; i < 3; i += 1) await assert.rejects(ask(), /deadline|timed out/i);
    await assert.rejects(ask(), /the policy service does not answer/);
    assert.equal(asked, 3);
    hangs = false;
    await eventually("it is asked again", async () => (await ask().catch(() => undefined))?.allowed === true);
  });

  it("fail when the service does not know, so that the failure policy decides", async () => {
    policy.hooks.authorize = () => {
      throw new Error("no instance is ready");
    };
    await assert.rejects(plugins.authorize(create(AuthorizationPolicySchema, { ref }), attributes));
  });
});
