import assert from "node:assert/strict";
import { test } from "node:test";
import { createFailureStreak } from "../src/events/failure-streak.ts";
import { outcomeOf, retryWaitMs } from "../src/events/outcome.ts";
import { createSubjectQueue } from "../src/events/subject-queue.ts";

const limits = { attempt: 1, maxDeliver: 5, random: () => 0 };

test("waits between deliveries double from 1 s up to a minute, less a part at random", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 7, 50].map((attempt) => retryWaitMs(attempt, () => 0)),
    [1_000, 2_000, 4_000, 8_000, 60_000, 60_000],
  );
  assert.equal(
    retryWaitMs(1, () => 0.999),
    750,
  );
});

test("an event is dead when its handler says so, or after its last delivery", () => {
  assert.deepEqual(outcomeOf({ status: "permanent", reason: "no" }, limits), { status: "dead", reason: "no" });
  const last = outcomeOf({ status: "failed", reason: "no" }, { ...limits, attempt: 5 });
  assert.deepEqual(last, { status: "dead", reason: "failed 5 of 5 deliveries: no" });
  assert.equal(
    outcomeOf({ status: "failed", reason: "no" }, { ...limits, attempt: 99, maxDeliver: 0 }).status,
    "retried",
  );
});

test("a handler is broken after ten failures in a row of three events, and well again after one success", () => {
  const breaker = createFailureStreak();
  for (let i = 0; i < 9; i += 1) breaker.failure(i % 3, "away");
  assert.equal(breaker.reason(), undefined);
  breaker.failure(0, "away");
  assert.match(breaker.reason() ?? "", /10 tries in a row failed, the last: away/);
  breaker.success();
  assert.equal(breaker.reason(), undefined);
});

test("one poisonous event does not make a handler broken", () => {
  const breaker = createFailureStreak();
  for (let i = 0; i < 50; i += 1) breaker.failure(7, "bad");
  assert.equal(breaker.reason(), undefined);
});

test("tasks of one subject run one after another, others beside them, and a failure does not stop the line", async () => {
  const queue = createSubjectQueue();
  const log: string[] = [];
  const task =
    (name: string, fails = false) =>
    async () => {
      log.push(`${name} begins`);
      await new Promise((done) => setImmediate(done));
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
    };
  const results = await Promise.allSettled([
    queue.run("a", task("a1", true)),
    queue.run("a", task("a2")),
    queue.run("b", task("b1")),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["rejected", "fulfilled", "fulfilled"],
  );
  assert.ok(log.indexOf("a1 ends") < log.indexOf("a2 begins"));
  assert.ok(log.indexOf("b1 begins") < log.indexOf("a1 ends"));
});
