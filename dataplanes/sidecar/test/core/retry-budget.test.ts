import assert from "node:assert/strict";
import { test } from "node:test";
import { createRetryBudget } from "../../src/core/balancing/retry-budget.ts";

function budget(settings: { ratio: number; minPerSecond: number }) {
  const clock = { now: 1_000_000 };
  return { clock, budget: createRetryBudget({ ...settings, windowMs: 10_000, now: () => clock.now }) };
}

function withdrawals(of: { withdraw(): boolean }): number {
  let count = 0;
  while (of.withdraw()) count += 1;
  return count;
}

test("a fifth of the first tries may be repeated", () => {
  const { budget: retries } = budget({ ratio: 0.2, minPerSecond: 0 });
  for (let i = 0; i < 100; i += 1) retries.deposit();
  assert.equal(withdrawals(retries), 20);
});

test("a quiet target has the reserve of its window", () => {
  const { budget: retries } = budget({ ratio: 0.2, minPerSecond: 10 });
  assert.equal(withdrawals(retries), 100);
});

test("first tries and retries are forgotten after the window", () => {
  const { clock, budget: retries } = budget({ ratio: 0.2, minPerSecond: 1 });
  for (let i = 0; i < 100; i += 1) retries.deposit();
  assert.equal(withdrawals(retries), 30);
  clock.now += 9_000;
  assert.equal(withdrawals(retries), 0);
  clock.now += 1_000;
  assert.equal(withdrawals(retries), 10);
});

test("a target that fails altogether sees at most 1.2 times its load", () => {
  const { clock, budget: retries } = budget({ ratio: 0.2, minPerSecond: 0 });
  let sent = 0;
  for (let request = 0; request < 10_000; request += 1) {
    clock.now += 5;
    retries.deposit();
    sent += retries.withdraw() ? 2 : 1;
  }
  assert.ok(sent <= 12_000, `${sent}`);
  assert.ok(sent > 11_900, `${sent}`);
});

test("a clock that stands still or jumps far does no harm", () => {
  const { clock, budget: retries } = budget({ ratio: 0.2, minPerSecond: 0 });
  for (let i = 0; i < 5; i += 1) retries.deposit();
  clock.now += 1e9;
  assert.equal(retries.withdraw(), false);
  for (let i = 0; i < 5; i += 1) retries.deposit();
  assert.equal(retries.withdraw(), true);
});
