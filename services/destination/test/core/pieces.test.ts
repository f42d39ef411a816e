import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createBreaker, rendezvousOrder } from "@patchbay/model";

describe("rendezvous hashing", () => {
  const order = (key: string, nodes: readonly string[]) => rendezvousOrder(key, nodes, (node) => node);
  const keys = Array.from({ length: 3_000 }, (_, index) => `service-${index}.default.svc.cluster.local:80`);

  it("spreads keys evenly and does not depend on the order of nodes", () => {
    const counts = new Map<string, number>();
    for (const key of keys) {
      const [first = ""] = order(key, ["a", "b", "c"]);
      assert.equal(first, order(key, ["c", "a", "b"])[0]);
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    for (const count of counts.values()) assert.ok(count > 850 && count < 1_150, String([...counts]));
  });

  it("moves only the keys of a node that went", () => {
    for (const key of keys) {
      const [first, second] = order(key, ["a", "b", "c"]);
      const left = order(key, ["a", "b"])[0];
      assert.equal(left, first === "c" ? second : first);
    }
  });
});

describe("a circuit breaker", () => {
  it("opens after failures in a row, lets one try after a growing wait, and closes at a success", () => {
    const breaker = createBreaker({ threshold: 2, minMs: 100, maxMs: 300 });
    breaker.failed(0);
    assert.ok(breaker.admits(0), "one failure is not enough");
    breaker.succeeded();
    breaker.failed(0);
    breaker.failed(0);
    assert.ok(!breaker.admits(99));
    assert.ok(breaker.admits(100));
    assert.ok(!breaker.admits(100), "only one tries");
    breaker.failed(110);
    assert.ok(!breaker.admits(309));
    assert.ok(breaker.admits(310));
    breaker.succeeded();
    assert.ok(breaker.admits(310) && breaker.admits(310));
  });
});
