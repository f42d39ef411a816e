import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { OutboundSchema, RetrySchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import fc from "fast-check";
import { createRetryBudget, RETRY_BUDGET } from "../../src/core/balancing/retry-budget.ts";
import { compileRetry, pauseBefore, type RetryPlan } from "../../src/core/routing/retry-plan.ts";
import { mayRetry } from "../../src/core/routing/retry-rules.ts";
import { retryBudgetOf } from "../../src/core/routing/target-rules.ts";
import { ms } from "../support/steering.ts";

function plan(change: Parameters<typeof create<typeof RetrySchema>>[1]): RetryPlan {
  const compiled = compileRetry(create(RetrySchema, change));
  assert.ok(compiled);
  return compiled;
}

describe("retries of a rule", () => {
  const reset = { kind: "reset", message: "", resetCode: 0 } as const;
  const slow = { kind: "timeout", message: "", resetCode: 0 } as const;
  const post = { method: "POST", replayable: true };

  test("repeat what a program may have seen only for safe methods, unless the author has named codes", () => {
    assert.equal(mayRetry(reset, { ...post, plan: plan({ attempts: 2 }) }), false);
    assert.equal(mayRetry(reset, { ...post, plan: plan({ attempts: 2, codes: [503] }) }), true);
    assert.equal(mayRetry(reset, { ...post, plan: plan({ attempts: 2, grpcCodes: [14] }) }), true);
    assert.equal(mayRetry(reset, { method: "GET", replayable: true, plan: plan({ attempts: 2 }) }), true);
  });

  test("repeat a slow try only where the rule asks for retries", () => {
    assert.equal(mayRetry(slow, { method: "GET", replayable: true, plan: plan({ attempts: 1 }) }), true);
    assert.equal(mayRetry(slow, { method: "GET", replayable: true }), false);
    assert.equal(mayRetry(slow, { ...post, plan: plan({ attempts: 1 }) }), false);
    assert.equal(mayRetry(slow, { ...post, plan: plan({ codes: [504], attempts: 1 }) }), true);
  });

  test("repeat nothing whose body is gone", () => {
    const gone = { method: "GET", replayable: false, plan: plan({ codes: [503], attempts: 3 }) };
    for (const kind of ["connect", "reset", "timeout", "status"] as const)
      assert.equal(mayRetry({ kind, message: "", resetCode: 0 }, gone), false);
  });

  test("pause twice as long each time up to ten seconds, up to a half more, and never less than the author has said", () => {
    const random = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
    fc.assert(
      fc.property(fc.nat(60_000), fc.integer({ min: 1, max: 12 }), random, (backoff, retry, chance) => {
        const pause = pauseBefore(plan({ attempts: 12, backoff: ms(backoff) }), retry, chance);
        const whole = Math.min(backoff * 2 ** (retry - 1), Math.max(backoff, 10_000));
        assert.ok(pause >= whole && pause >= backoff && pause <= whole * 1.5);
      }),
    );
  });

  test("are at most ten, whatever a rule asks for", () => {
    assert.equal(plan({ attempts: 4_294_967_295 }).tries, 11);
    assert.equal(plan({ attempts: 0 }).tries, 1);
  });
});

describe("a retry budget by policy", () => {
  test("is the proxy's own where nothing is said", () => {
    assert.equal(retryBudgetOf(create(OutboundSchema, {})), RETRY_BUDGET);
  });

  test("is a percentage of an interval, plus a count per interval", () => {
    const budget = { percent: 50, interval: ms(20_000), minCount: 3, minInterval: ms(500) };
    assert.deepEqual(retryBudgetOf(create(OutboundSchema, { retryBudget: budget })), {
      ratio: 0.5,
      minPerSecond: 6,
      windowMs: 20_000,
    });
  });

  test("of nothing allows nothing", () => {
    const shape = retryBudgetOf(create(OutboundSchema, { retryBudget: {} }));
    const budget = createRetryBudget({ ...shape, now: () => 0 });
    for (let i = 0; i < 1_000; i += 1) budget.deposit();
    assert.equal(budget.withdraw(), false);
    assert.equal(budget.left(), 0);
  });

  test("may change while it is in use, and keeps its counts where the window stays", () => {
    let now = 5_000;
    const budget = createRetryBudget({ ...RETRY_BUDGET, minPerSecond: 0, now: () => now });
    for (let i = 0; i < 100; i += 1) budget.deposit();
    assert.equal(budget.left(), 20);
    budget.shape({ ratio: 0.5, minPerSecond: 0, windowMs: RETRY_BUDGET.windowMs });
    assert.equal(budget.left(), 50);
    budget.shape({ ratio: 0.5, minPerSecond: 1, windowMs: 1_000 });
    assert.equal(budget.left(), 1);
    now += 1_000;
    assert.equal(budget.withdraw(), true);
    assert.equal(budget.withdraw(), false);
  });
});
