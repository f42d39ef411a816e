import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { type Registration, RegistrationSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { createWatchQueue } from "../../src/core/replicas/watch-queue.ts";

const registration = (id: string, reason = ""): Registration => create(RegistrationSchema, { id, reason });

function setUp(limit = 100) {
  const all: Registration[] = [];
  let woken = 0;
  const queue = createWatchQueue({
    accepts: (id) => !id.startsWith("hidden"),
    all: () => all,
    complete: true,
    limit,
    wake: () => woken++,
  });
  return { all, queue, woken: () => woken };
}

describe("what a watcher has not taken yet", () => {
  it("begins as the whole picture", () => {
    const { all, queue } = setUp();
    all.push(registration("a"), registration("hidden/b"));
    assert.deepEqual(queue.take(), { reset: true, complete: true, changed: [registration("a")], removed: [] });
    assert.equal(queue.take(), undefined);
  });

  it("is of each registration only the latest, whether changed or removed", () => {
    const { queue } = setUp();
    queue.take();
    queue.push({ changed: [registration("a", "1"), registration("b")], removed: [] });
    queue.push({ changed: [registration("a", "2")], removed: ["b"] });
    assert.deepEqual(queue.take(), { reset: false, complete: true, changed: [registration("a", "2")], removed: ["b"] });
  });

  it("is nothing when only hidden ones change, and nobody is woken for that", () => {
    const { queue, woken } = setUp();
    queue.take();
    queue.push({ changed: [registration("hidden/a")], removed: ["hidden/b"] });
    assert.equal(queue.take(), undefined);
    assert.equal(woken(), 0);
  });

  it("becomes one new picture when it is too much, so a reader that never reads costs no more than that", () => {
    const { all, queue } = setUp(10);
    queue.take();
    all.push(registration("now"));
    for (let index = 0; index < 1_000; index++) queue.push({ changed: [registration(`r${index}`)], removed: [] });
    assert.deepEqual(queue.take(), { reset: true, complete: true, changed: [registration("now")], removed: [] });
  });

  it("is the whole picture again when that has become complete, because only then may a watcher forget", () => {
    const { all, queue } = setUp();
    queue.complete(false);
    assert.equal(queue.take()?.complete, false);
    all.push(registration("a"));
    queue.complete(true);
    assert.deepEqual(queue.take(), { reset: true, complete: true, changed: [registration("a")], removed: [] });
  });
});
