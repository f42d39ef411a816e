import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { createHandlerRuns, type RunLife } from "../src/host/handler-runs.ts";

const never = () => new Promise<void>(() => undefined);
const create = (timeoutMs = 60_000) => createHandlerRuns({ handler: never, doing: "on.report", timeoutMs });
const untilStopped = new AbortController().signal;

test("what returns no promise has ended when it returns", () => {
  const runs = create();
  assert.deepEqual(
    runs.run(() => 1, untilStopped),
    { status: "done" },
  );
  const thrown = runs.run(() => {
    throw new Error("no");
  }, untilStopped);
  assert.ok(!(thrown instanceof Promise));
  assert.equal(thrown.status, "failed");
});

test("whatever can be awaited is, whoever made it", async () => {
  const foreign: unknown = runInNewContext("Promise.resolve()");
  assert.ok(!(foreign instanceof Promise));
  const run = create().run(() => foreign, untilStopped);
  assert.ok(run instanceof Promise);
  assert.deepEqual(await run, { status: "done" });
});

test("runs that overlap run out of time each in its turn, with their signals", async () => {
  const runs = create(40);
  const order: string[] = [];
  const lives: RunLife[] = [];
  const start = async (name: string) => {
    const result = await runs.run((life) => {
      lives.push(life);
      life.signal.addEventListener("abort", () => order.push(`${name} ${String(life.signal.reason.name)}`));
      return never();
    }, untilStopped);
    order.push(`${name} ${"reason" in result ? result.reason : result.status}`);
  };
  const first = start("first");
  await new Promise((done) => setTimeout(done, 15));
  await Promise.all([first, start("second")]);
  assert.deepEqual(order, [
    "first TimeoutError",
    "first on.report did not finish within 0.04 s",
    "second TimeoutError",
    "second on.report did not finish within 0.04 s",
  ]);
});

test("a signal stops its own runs and no others, and one that is asked for later has stopped already", async () => {
  const runs = create();
  const [stopping, other] = [new AbortController(), new AbortController()];
  let life: RunLife | undefined;
  const stopped = runs.run((given) => {
    life = given;
    return never();
  }, stopping.signal);
  const finish = Promise.withResolvers<void>();
  const finished = runs.run(() => finish.promise, other.signal);
  stopping.abort(new Error("enough"));
  assert.deepEqual(await stopped, { status: "failed", reason: "on.report was stopped before it had finished" });
  assert.equal(life?.signal.reason.message, "enough");
  finish.resolve();
  assert.deepEqual(await finished, { status: "done" });
  const late = await runs.run(never, stopping.signal);
  assert.equal(late.status, "failed", "a signal that has aborted before");
});

test("what comes after the end is nobody's: no result and no unhandled rejection", async () => {
  const work = Promise.withResolvers<void>();
  const result = await create(5).run(() => work.promise, untilStopped);
  assert.equal(result.status, "failed");
  work.reject(new Error("too late"));
  await new Promise((done) => setImmediate(done));
});
