import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileOrigin } from "@patchbay/runtime";
import fc from "fast-check";
import { budgetLeft, burn, burns, type Measured, measure, nextState } from "../../src/core/objectives/objective.ts";
import { objectiveOf } from "../../src/core/objectives/objective-resource.ts";

const row = (requests: number, failures: number, latency: readonly number[] = []) => ({
  requests: BigInt(requests),
  failures: BigInt(failures),
  latency: latency.map(BigInt),
});
const window = (good: number, total: number): Measured => ({ windowMs: 60_000, coveredMs: 60_000, good, total });
const spec = { ratio: 0.99, burnRate: 10 };

describe("what an objective counts", () => {
  it("is every request of all pairs, without failures", () => {
    assert.deepEqual(measure([row(100, 3), row(50, 0)], 0), { good: 147, total: 150 });
  });

  it("leaves out what took longer than the bound's bucket", () => {
    // Buckets end at 200, 300 and 400 ms: a bound of 250 ms is held at 300.
    assert.deepEqual(measure([row(10, 0, [11, 5, 12, 3, 13, 2])], 250), { good: 8, total: 10 });
  });

  it("never has less than no good requests", () => {
    assert.deepEqual(measure([row(10, 10, [25, 10])], 100), { good: 0, total: 10 });
  });
});

describe("burn", () => {
  it("is 1 when errors are exactly what is allowed", () => {
    assert.ok(Math.abs(burn(window(99, 100), 0.99) - 1) < 1e-9);
    assert.equal(burn(window(0, 0), 0.99), 0);
  });

  it("and what is left of the budget add up to 1", () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.nat(1_000), (good, bad) => {
        const seen = window(good, good + bad);
        assert.ok(Math.abs(burn(seen, 0.99) + budgetLeft(seen, 0.99) - 1) < 1e-9);
      }),
    );
  });
});

describe("the state of an objective", () => {
  const calm = window(1_000, 1_000);
  const burning = window(800, 1_000);

  it("needs both windows to begin burning", () => {
    assert.equal(nextState("ok", { short: burning, long: burning }, spec), "burning");
    assert.equal(nextState("ok", { short: burning, long: calm }, spec), "ok");
    assert.equal(nextState("ok", { short: calm, long: burning }, spec), "ok");
  });

  it("ends burning when the short window is calm, whatever the long one still remembers", () => {
    assert.equal(nextState("burning", { short: burning, long: calm }, spec), "burning");
    assert.equal(nextState("burning", { short: calm, long: burning }, spec), "ok");
  });

  it("concludes nothing from a handful of requests", () => {
    assert.equal(nextState("ok", { short: window(0, 9), long: window(0, 9) }, spec), "no-data");
    assert.equal(nextState("ok", { short: window(0, 9), long: burning }, spec), "no-data");
    assert.equal(nextState("burning", { short: window(0, 0), long: window(0, 0) }, spec), "no-data");
  });

  it("stays burning when callers give up, until the long window has calmed", () => {
    assert.equal(nextState("burning", { short: window(0, 0), long: burning }, spec), "burning");
    assert.equal(nextState("burning", { short: window(0, 0), long: calm }, spec), "no-data");
  });

  it("never begins to burn unless both windows burn above the rate, whatever they hold", () => {
    const states = fc.constantFrom("ok", "no-data") as fc.Arbitrary<"ok" | "no-data">;
    const windows = fc.tuple(fc.nat(2_000), fc.nat(2_000)).map(([good, bad]) => window(good, good + bad));
    fc.assert(
      fc.property(states, windows, windows, (before, short, long) => {
        const both = burns(short, spec) && burns(long, spec) && short.total >= 10 && long.total >= 10;
        assert.equal(nextState(before, { short, long }, spec) === "burning", both);
      }),
    );
  });
});

describe("a ServiceLevelObjective", () => {
  it("names services as telemetry does, and has the windows of a page by default", () => {
    const metadata = { name: "fast", namespace: "shop" };
    const written = { target: { name: "users" }, source: { name: "web", namespace: "default" }, objective: 99.9 };
    const read = objectiveOf({
      metadata,
      spec: { ...written, latency: { under: "250ms" } },
      origin: fileOrigin("a.yaml", 1),
    });
    assert.deepEqual([read.target, read.source, read.latencyBoundMs], ["users.shop", "web", 250]);
    assert.deepEqual([read.shortMs, read.longMs, read.burnRate], [300_000, 3_600_000, 14.4]);
    assert.ok(Math.abs(read.ratio - 0.999) < 1e-9);
  });
});
