import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { WatchRequestSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { eventually } from "@patchbay/testkit";
import { startPolicy } from "../support/policy.ts";
import { follow } from "../support/proxy.ts";
import { host, yaml } from "../support/resources.ts";

const deny = (name: string, spec: object = {}): string =>
  yaml("AuthorizationPolicy", name, { action: "Deny", ...spec });
const split = (name: string, target: string, weight: number): string =>
  yaml("HTTPRoute", name, {
    parentRefs: [{ group: "", kind: "Service", name: target }],
    rules: [{ backendRefs: [{ name: target }, { name: `${target}-next`, weight }] }],
  });

describe("a proxy that follows", () => {
  it("gets all that its workload has to enforce, and another snapshot when a file is saved", async () => {
    await using policy = await startPolicy({ files: { "a.yaml": deny("one") } });
    await using proxy = follow(policy, { hosts: [host("users")] });
    const first = await proxy.until(() => true);
    assert.deepEqual(
      first.inbound?.authorization.map(({ ref }) => ref?.name),
      ["one"],
    );
    assert.deepEqual(
      first.outbound.map(({ target, rules }) => [target, rules.length]),
      [[host("users"), 0]],
    );
    assert.equal(first.workload, "default/web");
    assert.equal(first.namePolicies, true);
    assert.match(first.version, /^[0-9a-f]{16}$/);
    await policy.save("b.yaml", split("canary", "users", 1));
    const second = await proxy.until(({ outbound }) => outbound[0]?.rules.length === 1);
    assert.notEqual(second.version, first.version);
  });

  it("gets nothing for a change that is about others", async () => {
    await using policy = await startPolicy();
    await using proxy = follow(policy);
    await using other = follow(policy, { workload: "other/web" });
    await proxy.until(() => true);
    await policy.save("a.yaml", deny("other/x") + split("carts", "carts", 1));
    await other.until(({ inbound }) => inbound?.authorization.length === 1);
    await policy.save("b.yaml", deny("default/y"));
    await proxy.until(({ inbound }) => inbound?.authorization.length === 1);
    assert.equal(proxy.snapshots.length, 2);
  });

  it("may name other targets at any time", async () => {
    await using policy = await startPolicy({ files: { "a.yaml": split("canary", "users", 1) } });
    await using proxy = follow(policy);
    await proxy.until(({ outbound }) => outbound.length === 0);
    proxy.targets(host("users"), "example.com");
    const { outbound } = await proxy.until((snapshot) => snapshot.outbound.length === 2);
    assert.deepEqual(
      outbound.map(({ target, rules }) => [target, rules.length]),
      [
        ["example.com", 0],
        [host("users"), 1],
      ],
    );
  });

  it("keeps the last good version of a file that is wrong", async () => {
    await using policy = await startPolicy({ files: { "a.yaml": deny("one") } });
    await using proxy = follow(policy);
    await proxy.until(() => true);
    await policy.save("a.yaml", "kind: AuthorizationPolicy\nspec: [");
    const status = await eventually(async () => {
      const now = await policy.client.status({});
      return now.problems.length > 0 ? now : undefined;
    });
    assert.deepEqual(
      status.resources.map(({ name, outdated }) => [name, outdated]),
      [["one", true]],
    );
    assert.equal(proxy.snapshots.length, 1);
  });

  it("keeps it over a restart too", async () => {
    await using before = await startPolicy({ files: { "a.yaml": deny("one") } });
    await before.app.stop();
    await before.save("a.yaml", "kind: AuthorizationPolicy\nspec: [");
    await using policy = await startPolicy({ stateDir: before.stateDir });
    await using proxy = follow(policy);
    const { inbound } = await proxy.until(() => true);
    assert.deepEqual(
      inbound?.authorization.map(({ ref }) => ref?.name),
      ["one"],
    );
    assert.deepEqual(
      (await policy.client.status({})).resources.map(({ outdated }) => outdated),
      [true],
    );
  });

  it("says what it enforces and what it refuses", async () => {
    await using policy = await startPolicy();
    await using proxy = follow(policy);
    const { version } = await proxy.until(() => true);
    const said = async () => (await policy.client.status({})).proxies[0];
    proxy.ack(version);
    const accepted = await eventually(async () => ((await said())?.version === version ? said() : undefined));
    assert.deepEqual(
      [accepted?.workload, accepted?.wanted, accepted?.rejectionReason, accepted?.connected],
      ["web", version, "", true],
    );
    proxy.ack(version, "unknown field 99");
    const refused = await eventually(async () => ((await said())?.rejectionReason === "" ? undefined : said()));
    assert.deepEqual([refused?.version, refused?.rejectionReason], [version, "unknown field 99"]);
    assert.deepEqual([await policy.metric("policy_acks_total"), await policy.metric("policy_refusals_total")], [1, 1]);
  });

  it("is told nothing before the files have been read", async () => {
    await using policy = await startPolicy({ files: { "a.yaml": deny("one") }, startLater: true });
    await using proxy = follow(policy);
    await eventually(
      async () => (await policy.client.status({})).proxies.some(({ connected }) => connected) || undefined,
    );
    assert.deepEqual([policy.app.readiness().ready, proxy.snapshots.length], [false, 0]);
    await policy.app.start();
    const first = await proxy.until(() => true);
    assert.deepEqual([policy.app.readiness().ready, first.inbound?.authorization.length], [true, 1]);
  });

  it("is followed by its newest stream", async () => {
    await using policy = await startPolicy();
    await using older = follow(policy);
    await older.until(() => true);
    await using newer = follow(policy);
    await newer.until(() => true);
    assert.equal(await older.ended(), Code.Aborted);
    assert.equal((await policy.client.status({})).proxies.length, 1);
  });

  it("in the same process gets the same", async () => {
    await using policy = await startPolicy({ files: { "a.yaml": deny("one") } });
    await using remote = follow(policy, { instance: "two" });
    await using local = follow(policy, { transport: policy.local({ kind: "proxy", name: "web" }) });
    assert.deepEqual(await local.until(() => true), await remote.until(() => true));
  });
});

describe("what cannot be followed", () => {
  const refused = async (request: Parameters<typeof create<typeof WatchRequestSchema>>[1]): Promise<Code | "well"> => {
    await using policy = await startPolicy();
    await using proxy = follow(policy, { silent: true });
    proxy.send(create(WatchRequestSchema, request));
    return await proxy.ended();
  };

  it("is a stream that does not begin with a hello", async () => {
    assert.equal(await refused({ message: { case: "targets", value: { hosts: [] } } }), Code.InvalidArgument);
  });

  it("is more than 1,000 targets", async () => {
    const hosts = Array.from({ length: 1_001 }, (_, index) => host(`s${index}`));
    assert.equal(await refused({ message: { case: "hello", value: { targets: { hosts } } } }), Code.InvalidArgument);
  });

  it("is a host that cannot be", async () => {
    for (const wrong of ["", "a b", "x".repeat(254)])
      assert.equal(
        await refused({ message: { case: "hello", value: { targets: { hosts: [wrong] } } } }),
        Code.InvalidArgument,
      );
  });
});
