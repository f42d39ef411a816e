import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { DefaultAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { startPolicy } from "../support/policy.ts";
import { follow } from "../support/proxy.ts";
import { pluginOf, proxyOf } from "../support/registrations.ts";
import { host, yaml } from "../support/resources.ts";

const users = [{ group: "", kind: "Service", name: "users" }];
const staging = { rules: [{ from: [{ namespaces: ["staging"] }], to: [{ methods: ["GET"], paths: ["/admin/*"] }] }] };
const registrations = [proxyOf("default/users"), proxyOf("default/web")];

async function warnings(documents: readonly string[], more: Parameters<typeof startPolicy>[0] = {}) {
  await using policy = await startPolicy({ files: { "a.yaml": documents.join("") }, registrations, ...more });
  const { resources } = await policy.client.status({});
  return Object.fromEntries(resources.map(({ name, warnings: found }) => [name, found]));
}

describe("the status of policies", () => {
  it("says what each does, for whom, and the mesh's default", async () => {
    const documents = [
      yaml("AuthorizationPolicy", "deny", { action: "Deny", targetRefs: users, ...staging }),
      yaml("AuthorizationPolicy", "audit", { action: "Audit" }),
      yaml("RateLimitPolicy", "slow", {
        limits: [
          { name: "a", requests: 10, per: "1s", by: ["source"] },
          { name: "b", requests: 1, per: "1s" },
        ],
      }),
      yaml("HTTPRoute", "canary", {
        parentRefs: users,
        rules: [{ backendRefs: [{ name: "users", weight: 9 }, { name: "next" }], timeouts: { request: "2s" } }],
      }),
      yaml("XBackendTrafficPolicy", "budget", { targetRefs: users, retryConstraint: {} }),
      yaml("ServiceLevelObjective", "good", {
        target: { name: "users" },
        objective: 99.9,
        latency: { under: "250ms" },
      }),
    ];
    await using policy = await startPolicy({
      files: { "a.yaml": documents.join("") },
      registrations,
      defaultAuthorization: "deny",
    });
    await using proxy = follow(policy, { hosts: [host("users")] });
    await proxy.until(({ outbound }) => outbound.length > 0);
    const { defaultAction, resources } = await policy.client.status({});
    assert.equal(defaultAction, DefaultAction.DENY);
    assert.deepEqual(
      resources.map(({ name, summary, workloads }) => [name, summary, workloads]),
      [
        ["audit", "audit everything", ["default/users", "default/web"]],
        ["budget", "retries at most 20 % of requests", ["default/web"]],
        ["canary", "90 % users, 10 % next, timeout 2s", ["default/web"]],
        ["deny", "deny from staging to GET /admin/*", ["default/users"]],
        ["good", "99.9 % of requests to users are good and under 250ms", []],
        ["slow", "10 requests per 1s by source; 1 more limit", ["default/users", "default/web"]],
      ],
    );
  });

  it("knows proxies that do not follow", async () => {
    await using policy = await startPolicy({ registrations });
    await using proxy = follow(policy);
    await proxy.until(() => true);
    const { proxies } = await policy.client.status({});
    assert.deepEqual(
      proxies.map(({ workload, connected }) => [workload, connected]),
      [
        ["web", true],
        ["users", false],
      ],
    );
  });

  it("is for operators, and Follow for proxies", async () => {
    await using policy = await startPolicy();
    const proxy = policy.as({ kind: "proxy" });
    const refused = await createClient(Policy, proxy).status({}).catch(ConnectError.from);
    assert.equal(refused instanceof ConnectError && refused.code, Code.PermissionDenied);
    const operator = policy.as({ kind: "operator" });
    await using follower = follow(policy, { transport: operator });
    assert.equal(await follower.ended(), Code.PermissionDenied);
  });
});

describe("what is most likely not meant", () => {
  it("is a name that nobody has", async () => {
    assert.deepEqual(
      await warnings([
        yaml("AuthorizationPolicy", "a", { action: "Deny", targetRefs: [{ name: "users" }, { name: "cart" }] }),
        yaml("AuthorizationPolicy", "staging/b", { action: "Deny" }),
        yaml("HTTPRoute", "c", { parentRefs: [{ name: "cart" }, { name: "legacy" }], rules: [{}] }),
        yaml("StaticService", "legacy", { endpoints: [] }),
        yaml("HTTPRoute", "d", {
          parentRefs: users,
          rules: [
            { backendRefs: [{ name: "users" }, { name: "next" }, { name: "legacy" }, { name: "off", weight: 0 }] },
          ],
        }),
      ]),
      {
        a: ["no workload is called cart at the moment"],
        b: ["no workload is called anything in namespace staging at the moment"],
        c: ["no workload is called cart at the moment"],
        d: ["nobody serves its backend next at the moment, so requests for it fail"],
      },
    );
  });

  it("is a plugin that is not there or does something else", async () => {
    const ask = (name: string, plugin: string): string =>
      yaml("AuthorizationPolicy", name, { action: "Plugin", plugin: { name: plugin, failurePolicy: "Closed" } });
    assert.deepEqual(
      await warnings([ask("a", "opa"), ask("b", "gone"), ask("c", "names")], {
        registrations: [...registrations, pluginOf("opa", "authorize"), pluginOf("names", "ratelimit")],
      }),
      {
        a: [],
        b: ["no plugin default/gone is registered at the moment; its failure policy decides: closed"],
        c: ['plugin default/names does not offer the hook "authorize"; its failure policy decides: closed'],
      },
    );
  });

  it("is an Allow that a Deny covers", async () => {
    assert.deepEqual(
      await warnings([
        yaml("AuthorizationPolicy", "all", { action: "Deny", targetRefs: [{ name: "web" }] }),
        yaml("AuthorizationPolicy", "same", { action: "Deny", ...staging }),
        yaml("AuthorizationPolicy", "a", { action: "Allow", targetRefs: users, ...staging }),
        yaml("AuthorizationPolicy", "b", { action: "Allow", targetRefs: [{ name: "web" }] }),
        yaml("AuthorizationPolicy", "c", { action: "Allow", targetRefs: users }),
      ]),
      {
        all: [],
        same: [],
        a: ["all that it allows, AuthorizationPolicy default/same denies; denials win"],
        b: ["all that it allows, AuthorizationPolicy default/all denies; denials win"],
        c: [],
      },
    );
  });

  it("is a route into other namespaces, and a second budget", async () => {
    assert.deepEqual(
      await warnings([
        yaml("HTTPRoute", "lab/a", { parentRefs: [{ ...users[0], namespace: "default" }], rules: [{}] }),
        yaml("HTTPRoute", "b", { parentRefs: users, rules: [{ backendRefs: [{ name: "next", namespace: "lab" }] }] }),
        yaml("XBackendTrafficPolicy", "c", { targetRefs: users, retryConstraint: {} }),
        yaml("XBackendTrafficPolicy", "d", { targetRefs: users, retryConstraint: {} }),
      ]),
      {
        a: ["only clients in namespace lab apply it to users"],
        b: [
          "nobody serves its backend next in namespace lab at the moment, so requests for it fail",
          "its backends in namespace lab would need a ReferenceGrant there on a cluster",
        ],
        c: [],
        d: ["XBackendTrafficPolicy default/c counts for users, not this one"],
      },
    );
  });
});
