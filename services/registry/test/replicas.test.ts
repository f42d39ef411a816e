import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, type Registration, RegistrationSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { untilPasses } from "@patchbay/testkit";
import { createReplicas } from "../src/core/replicas/replicas.ts";
import { startNats, type TestNats } from "./support/nats-server.ts";
import { holdPlugin } from "./support/plugin.ts";
import { startRegistry, type TestRegistry } from "./support/registry.ts";

async function pluginsOf(registry: TestRegistry): Promise<readonly Registration[]> {
  const { registrations } = await registry.client({ kind: "operator", name: "me" }).list({ kinds: [Kind.PLUGIN] });
  return registrations;
}

describe("two replicas of the registry", () => {
  let server: TestNats;
  let one: TestRegistry;
  let two: TestRegistry;
  before(async () => {
    server = await startNats();
    one = await startRegistry({ server });
    two = await startRegistry({ server });
  });
  after(async () => {
    await one?.stop();
    await two?.stop();
    await server?.stop();
  });

  const seen = async (registry: TestRegistry, name: string): Promise<Registration> => {
    const found = (await pluginsOf(registry)).find(({ announce }) => announce?.name === name);
    assert.ok(found, `${name} is not there`);
    return found;
  };

  it("each serve what both hold, and say which replica holds it", async () => {
    const here = holdPlugin(one, { name: "here" });
    const there = holdPlugin(two, { name: "there" });
    const [a, b] = await untilPasses(() => Promise.all([seen(one, "there"), seen(two, "here")]));
    assert.equal(a.state, State.READY);
    assert.notEqual(a.replica, b.replica);
    here.lease.close();
    there.lease.close();
    await untilPasses(async () => assert.equal((await seen(two, "here")).state, State.GONE));
  });

  it("follow an instance that moves from one to the other without ever losing it", async () => {
    const before = holdPlugin(one, { name: "mover" });
    await untilPasses(async () => assert.equal((await seen(two, "mover")).state, State.READY));
    before.lease.close();
    const after = holdPlugin(two, { name: "mover" });
    const { replica } = await after.lease.accepted();
    await untilPasses(async () => {
      const moved = await seen(one, "mover");
      assert.equal(moved.replica, replica);
      assert.equal(moved.state, State.READY);
    });
    after.lease.close();
  });

  it("lose one: what it held is gone one lease later, unless it came to the other", async () => {
    const third = await startRegistry({ server });
    const stays = holdPlugin(third, { name: "stays" });
    const comes = holdPlugin(third, { name: "comes" });
    await untilPasses(() => Promise.all([seen(two, "stays"), seen(two, "comes")]));
    // Nothing is said at the end: the other replicas only hear no more of it.
    await third.stop();
    stays.lease.close();
    comes.lease.close();
    const again = holdPlugin(two, { name: "comes" });
    await untilPasses(async () => assert.equal((await seen(two, "stays")).state, State.GONE));
    assert.equal((await seen(two, "comes")).state, State.READY);
    again.lease.close();
  });

  it("go on alone while NATS is away, and see each other again afterwards", async () => {
    await server.restart();
    const plugin = holdPlugin(one, { name: "late" });
    await untilPasses(async () => assert.equal((await seen(one, "late")).state, State.READY));
    await untilPasses(async () => assert.equal((await seen(two, "late")).state, State.READY));
    plugin.lease.close();
  });
});

describe("what a replica reads of others", () => {
  const registration = (id: string) => create(RegistrationSchema, { id, state: State.READY });
  const setUp = () => {
    const calls: string[] = [];
    const replicas = createReplicas({
      leaseMs: 1_000,
      tickMs: 50,
      startedAt: 0,
      sink: {
        mirror: (replica, { id }) => calls.push(`+${replica}/${id}`),
        unmirror: (replica, id) => calls.push(`-${replica}/${id}`),
        drop: (replica) => calls.push(`drop ${replica}`),
      },
    });
    return { calls, replicas };
  };

  it("counts only from a sign of life that is newer than its own start: the dead of yesterday are never believed", () => {
    const { calls, replicas } = setUp();
    replicas.begin();
    replicas.registration("old", registration("a"));
    replicas.heard("old", 0);
    replicas.loaded();
    assert.deepEqual(calls, []);
    replicas.heard("old", 10);
    assert.deepEqual(calls, ["+old/a"]);
  });

  it("is dropped after one lease of silence, but not for silence while it could not hear", () => {
    const { calls, replicas } = setUp();
    replicas.begin();
    replicas.loaded();
    replicas.heard("r", 0);
    for (let now = 0; now <= 5_000; now += 50) replicas.tick(now, false);
    for (let now = 5_050; now < 5_950; now += 50) replicas.tick(now, true);
    assert.deepEqual(calls, []);
    replicas.tick(6_000, true);
    assert.deepEqual(calls, ["drop r"]);
    assert.deepEqual(replicas.abandoned(7_000, 2_000), ["r"]);
  });

  it("is not dropped because the reader itself slept", () => {
    const { calls, replicas } = setUp();
    replicas.begin();
    replicas.loaded();
    replicas.heard("r", 0);
    replicas.tick(50, true);
    replicas.tick(60_000, true);
    assert.deepEqual(calls, []);
  });

  it("that has vanished when everything is read anew was removed meanwhile", () => {
    const { calls, replicas } = setUp();
    replicas.begin();
    replicas.loaded();
    replicas.heard("r", 0);
    replicas.registration("r", registration("a"));
    replicas.registration("r", registration("b"));
    replicas.begin();
    replicas.registration("r", registration("b"));
    replicas.loaded();
    assert.deepEqual(calls, ["+r/a", "+r/b", "+r/b", "-r/a"]);
  });
});
