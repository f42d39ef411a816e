import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { usable } from "../src/directory/instance-use.ts";
import { opa, startCalls } from "./support/calls.ts";

const found = ({ directory }: ReturnType<typeof startCalls>) => directory.find("authorize", "default", "opa");
const ids = (started: ReturnType<typeof startCalls>) => usable(found(started)?.instances ?? []).map(({ id }) => id);

describe("the directory of plugins", () => {
  it("gives those that the registry says are ready, or else those that may still answer", () => {
    using started = startCalls([
      opa({ instance: "a" }),
      opa({ instance: "b", state: State.DEGRADED }),
      opa({ instance: "c", state: State.QUARANTINED }),
    ]);
    assert.deepEqual(ids(started), ["a"]);
    started.registry([opa({ instance: "a", state: State.GONE })]);
    assert.deepEqual(ids(started), ["b"]);
    started.registry([], ["plugin/default/opa/a", "plugin/default/opa/b", "plugin/default/opa/c"]);
    assert.equal(found(started), undefined);
  });

  it("knows plugins by the hooks that they are granted, within the bounds of the hook", () => {
    using started = startCalls(
      [opa({ hook: { deadline: durationFromMs(60_000), concurrency: 1_000_000 } })],
      ["authorize", "ratelimit"],
    );
    const { deadlineMs, concurrency } = found(started)?.granted ?? assert.fail();
    assert.deepEqual([deadlineMs, concurrency], [5_000, 1_024]);
    assert.equal(started.directory.find("ratelimit", "default", "opa"), undefined);
  });

  it("gives a hook that says nothing the defaults of its kind", () => {
    using started = startCalls([opa({})]);
    const { deadlineMs, concurrency } = found(started)?.granted ?? assert.fail();
    assert.deepEqual([deadlineMs, concurrency], [200, 64]);
  });

  it("keeps the same plugin and instances through changes, so that calls under way are counted right", () => {
    using started = startCalls([opa({ instance: "a" })]);
    const asked = found(started) ?? assert.fail();
    const [first] = asked.instances;
    asked.calls += 1;
    started.registry([opa({ instance: "b" })]);
    asked.calls -= 1;
    assert.equal(found(started), asked);
    assert.equal(asked.calls, 0);
    assert.equal(asked.instances[0], first);
    assert.deepEqual(ids(started), ["a", "b"]);
  });

  it("tells of changes of plugins only, and gives another list only when an instance's use is another one", () => {
    using started = startCalls([opa({ instance: "a" })]);
    let told = 0;
    started.directory.subscribe(() => (told += 1));
    const before = found(started)?.instances;
    started.registry([], ["proxy/default/users/one"]);
    assert.equal(told, 0);
    started.registry([opa({ instance: "a" })]);
    assert.deepEqual([told, found(started)?.instances === before], [1, true]);
    started.registry([opa({ instance: "a", state: State.DRAINING })]);
    assert.deepEqual([told, found(started)?.instances === before], [2, false]);
  });

  it("closes the breaker of an instance that the registry has reached again", () => {
    using started = startCalls([opa({ instance: "a" })]);
    const [instance = assert.fail()] = found(started)?.instances ?? [];
    for (let i = 0; i < 5; i += 1) instance.breaker.failed(0);
    assert.ok(!instance.breaker.admits(0));
    started.registry([opa({ instance: "a", state: State.QUARANTINED })]);
    started.registry([opa({ instance: "a" })]);
    assert.ok(instance.breaker.admits(0));
  });
});
