import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { OutboundSchema, type Snapshot, SnapshotSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { unknownPart } from "@patchbay/rules";
import { eventually, temporaryDir } from "@patchbay/testkit";
import { type ClosableTransport, noLog } from "@patchbay/wire";
import { createPolicyClient, type PolicyClient, type PolicyClientOptions } from "../src/policies.ts";
import { createPolicyFile, type PolicyFile } from "../src/policy-file.ts";
import { proxyTransport } from "./support/core-server.ts";
import { ALLOW_ALL, deny, type FakePolicy, snapshotOf, startPolicy } from "./support/policy.ts";

/** As a newer service would write it: with a field that this program does not know. */
function fromTheFuture(version: string): Snapshot {
  const bytes = toBinary(SnapshotSchema, snapshotOf(version, ALLOW_ALL));
  return fromBinary(SnapshotSchema, new Uint8Array([...bytes, 0xf8, 0x07, 0x01]));
}

/** Refuses what it does not know, as every proxy has to. */
function enforce(snapshot: Snapshot): void {
  const unknown = unknownPart(snapshot);
  if (unknown !== undefined)
    throw new Error(`this proxy does not know ${unknown}; it is older than the policy service`);
}

function versionIn(file: PolicyFile): string | undefined {
  const kept = file.read();
  return kept.kind === "snapshot" ? kept.snapshot.version : undefined;
}

describe("the policy client", () => {
  let policy: FakePolicy;
  let transport: ClosableTransport;
  const clients: PolicyClient[] = [];

  before(async () => {
    policy = await startPolicy();
    transport = proxyTransport(policy.address, "users");
  });
  after(async () => {
    for (const client of clients) client.stop();
    transport.close();
    await policy.die();
  });

  function start(options: Partial<PolicyClientOptions> = {}): PolicyClient {
    const client = createPolicyClient({ policy: transport, file: undefined, enforce, log: noLog, ...options });
    clients.push(client);
    return client;
  }

  function fileIn(stateDir: string): PolicyFile {
    return createPolicyFile({ stateDir, namespace: "default", name: "users", log: noLog });
  }

  it("puts a snapshot into force and acknowledges it then, and so the next", async () => {
    policy.send(snapshotOf("one", ALLOW_ALL));
    const client = start();
    await client.ready();
    assert.deepEqual([client.current()?.version, client.settled()], ["one", true]);
    await eventually("the first is acknowledged", () => acks().includes("one"));
    policy.send(snapshotOf("two", ALLOW_ALL));
    await eventually("the second is in force", () => client.current()?.version === "two");
    await eventually("the second is acknowledged", () => acks().includes("two"));
    client.stop();
  });

  function acks(): (string | undefined)[] {
    return policy.said.map((message) =>
      message.case === "ack" && message.value.rejectionReason === "" ? message.value.version : undefined,
    );
  }

  it("asks for the rules of hosts, and waits for those that it has just asked for", async () => {
    policy.send(snapshotOf("hosts", ALLOW_ALL));
    const client = start();
    await client.ready();
    client.follow(new Set(["carts.default.svc.cluster.local"]));
    const asked = client.outbound("carts.default.svc.cluster.local");
    assert.ok(asked instanceof Promise);
    await eventually("the host is asked for", () =>
      policy.said.some(({ case: kind, value }) => kind === "targets" && value.hosts.length === 1),
    );
    const outbound = [create(OutboundSchema, { target: "carts.default.svc.cluster.local" })];
    policy.send(create(SnapshotSchema, { ...snapshotOf("hosts-2", ALLOW_ALL), outbound }));
    assert.equal((await asked)?.target, "carts.default.svc.cluster.local");
    assert.equal(client.outbound("carts.default.svc.cluster.local"), client.current()?.outbound[0]);
    client.stop();
  });

  it("refuses what it does not know, says why, and keeps what was in force", async () => {
    policy.send(snapshotOf("known", ALLOW_ALL));
    const client = start();
    await client.ready();
    policy.send(fromTheFuture("future"));
    const refused = () =>
      policy.said.find((message) => message.case === "ack" && message.value.version === "future")?.value;
    await eventually("it is refused", () => refused() !== undefined);
    const ack = refused();
    assert.match(ack !== undefined && "rejectionReason" in ack ? ack.rejectionReason : "", /does not know field 127/);
    assert.deepEqual([client.current()?.version, client.unenforceable()], ["known", ""]);
    client.stop();
  });

  it("says that it cannot enforce anything when the first it hears is unknown, until it hears better", async () => {
    policy.send(fromTheFuture("first"));
    const client = start();
    await client.ready();
    assert.equal(client.current(), undefined);
    assert.match(client.unenforceable(), /older than the policy service/);
    policy.send(snapshotOf("better", ALLOW_ALL));
    await eventually("it is enforced", () => client.current()?.version === "better");
    assert.equal(client.unenforceable(), "");
    client.stop();
  });

  it("keeps the last snapshot on disk, and starts with it while the service is away", async () => {
    await using dir = await temporaryDir();
    policy.send(snapshotOf("kept", { ...ALLOW_ALL, authorization: [deny("no-staging")] }));
    const client = start({ file: fileIn(dir.path) });
    await client.ready();
    await eventually("it is written", async () => versionIn(fileIn(dir.path)) === "kept");
    client.stop();
    await policy.die();
    try {
      const next = start({ file: fileIn(dir.path) });
      assert.deepEqual([next.current()?.version, next.settled()], ["kept", true]);
      next.stop();
      const without = start({ firstMs: 20 });
      assert.equal(without.settled(), false);
      await without.ready();
      assert.deepEqual([without.current(), without.unenforceable()], [undefined, ""]);
      assert.equal(without.outbound("carts.default.svc.cluster.local"), undefined);
      without.stop();
    } finally {
      await policy.comeBack();
    }
  });

  it("finds the service again by itself, and says which version it has", async () => {
    policy.send(snapshotOf("before", ALLOW_ALL));
    const client = start();
    await client.ready();
    await policy.die();
    await policy.comeBack();
    await eventually("it says what it has", () =>
      policy.said.some(({ case: kind, value }) => kind === "hello" && value.version === "before"),
    );
    policy.send(snapshotOf("after", ALLOW_ALL));
    await eventually("it has the next", () => client.current()?.version === "after");
    client.stop();
  });

  const broken: readonly (readonly [string, string])[] = [
    ["cut off", '{"version": "x", "workl'],
    ["of another workload", '{"version": "x", "workload": "default/carts"}'],
    ["written by a newer version", '{"version": "x", "workload": "default/users", "quota": {}}'],
    ["empty", ""],
  ];
  for (const [what, text] of broken)
    it(`lets nothing in by a file that is ${what}, until the service says what does`, async () => {
      await using dir = await temporaryDir();
      await mkdir(join(dir.path, "proxies"));
      await writeFile(join(dir.path, "proxies", "default.users.policy"), text);
      await policy.die();
      const client = start({ file: fileIn(dir.path), firstMs: 20 });
      try {
        assert.equal(client.settled(), false, "the service may still say better");
        await client.ready();
        assert.match(client.unenforceable(), /default\.users\.policy (?:cannot be read|holds rules of)/);
      } finally {
        await policy.comeBack();
      }
      policy.send(snapshotOf("better", ALLOW_ALL));
      await eventually("it is enforced", () => client.current()?.version === "better");
      assert.equal(client.unenforceable(), "");
      client.stop();
    });

  it("writes a file that only this user can read", async () => {
    await using dir = await temporaryDir();
    const file = fileIn(dir.path);
    file.write(snapshotOf("old", ALLOW_ALL));
    file.write(snapshotOf("older", ALLOW_ALL));
    file.write(snapshotOf("last", ALLOW_ALL));
    await file.flush();
    assert.equal(versionIn(file), "last");
    assert.deepEqual(await readdir(join(dir.path, "proxies")), ["default.users.policy"]);
    assert.match(await readFile(join(dir.path, "proxies", "default.users.policy"), "utf8"), /"last"/);
  });
});
