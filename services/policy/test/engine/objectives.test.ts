import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRouterTransport } from "@connectrpc/connect";
import { ObjectiveState } from "@patchbay/proto/mesh/common/v1/objective_pb";
import { Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { fileOrigin } from "@patchbay/runtime";
import { createFakeClock, eventually } from "@patchbay/testkit";
import { noLog } from "@patchbay/wire";
import type { ObjectiveSpec } from "../../src/core/objectives/objective.ts";
import { createObjectives } from "../../src/engine/objectives.ts";
import type { ObjectiveChange } from "../../src/sources/objective-events.ts";

const spec: ObjectiveSpec = {
  namespace: "default",
  name: "users-works",
  source: "web",
  target: "users",
  ratio: 0.99,
  latencyBoundMs: 0,
  shortMs: 60_000,
  longMs: 600_000,
  burnRate: 10,
  origin: fileOrigin("slo.yaml", 1),
};

/** Telemetry that counts what the test says. */
function start(counted: { failures: number; up: boolean; at?: number; intervalMs?: number }) {
  const asked: string[] = [];
  const changes: ObjectiveChange[] = [];
  const clock = createFakeClock();
  const telemetry = createRouterTransport(({ service }) =>
    service(Telemetry, {
      stat({ window, source, target }) {
        asked.push(`${source} ${target} ${window?.seconds}`);
        if (!counted.up) throw new Error("away");
        return {
          ...(window ? { window } : {}),
          rows: [{ source, target, requests: 100n, failures: BigInt(counted.failures) }],
        };
      },
    }),
  );
  const objectives = createObjectives({
    telemetry,
    onChange: (change) => changes.push(change),
    log: noLog,
    clock: { ...clock, now: () => counted.at ?? 1_000 },
    intervalMs: counted.intervalMs ?? 3_600_000,
  });
  objectives.update([spec]);
  return { objectives, clock, asked, changes, [Symbol.dispose]: () => objectives.stop() };
}

describe("objectives", () => {
  it("are measured in two windows of the pair that they are about", async () => {
    const counted = { failures: 1, up: true };
    using started = start(counted);
    await started.objectives.look();
    assert.deepEqual(started.asked.sort(), ["web users 60", "web users 600"]);
    const [objective] = started.objectives.list();
    assert.equal(objective?.state, ObjectiveState.OK);
    assert.deepEqual(
      objective?.windows.map(({ good, total }) => [good, total]),
      [
        [99n, 100n],
        [99n, 100n],
      ],
    );
    assert.deepEqual(started.changes, []);
  });

  it("are looked at again and again, until they are stopped", async () => {
    using started = start({ failures: 0, up: true, intervalMs: 5 });
    // Two windows, then the short one alone: an hour changes little in a moment.
    for (const asked of [2, 3]) {
      await started.clock.advance(50);
      await eventually("it looked", () => started.asked.length === asked && started.clock.pending() === 1);
    }
    started.objectives.stop();
    await started.objectives.look();
    const { length } = started.asked;
    assert.equal(started.clock.pending(), 0);
    await started.clock.advance(1_000);
    assert.equal(started.asked.length, length);
  });

  it("tell once that burning begins, and once that it ends", async () => {
    const counted = { failures: 50, up: true };
    using started = start(counted);
    await started.objectives.look();
    await started.objectives.look();
    counted.failures = 0;
    await started.objectives.look();
    await started.objectives.look();
    assert.deepEqual(
      started.changes.map(({ state }) => state),
      ["burning", "ok"],
    );
  });

  it("ask for the long window each ten seconds only, unless the short one burns", async () => {
    const counted = { failures: 0, up: true, at: 0 };
    using started = start(counted);
    for (counted.at = 0; counted.at < 30_000; counted.at += 1_000) await started.objectives.look();
    const long = (): number => started.asked.filter((question) => question.endsWith(" 600")).length;
    assert.deepEqual([started.asked.length, long()], [33, 3]);
    counted.failures = 50;
    await started.objectives.look();
    assert.equal(long(), 4);
    assert.equal(started.changes.length, 1);
  });

  it("know nothing by new terms until they are measured, and keep what they were", async () => {
    using started = start({ failures: 1, up: true });
    await started.objectives.look();
    started.objectives.update([{ ...spec, origin: fileOrigin("moved.yaml", 1) }]);
    assert.equal(started.objectives.list()[0]?.windows.length, 2);
    started.objectives.update([{ ...spec, latencyBoundMs: 100 }]);
    assert.deepEqual(
      started.objectives.list().map(({ windows, state, partial }) => [windows.length, state, partial]),
      [[0, ObjectiveState.OK, true]],
    );
  });

  it("keep their state while telemetry is away, and when their file is written again", async () => {
    const counted = { failures: 50, up: true };
    using started = start(counted);
    await started.objectives.look();
    counted.up = false;
    await started.objectives.look();
    started.objectives.update([{ ...spec, burnRate: 11 }]);
    assert.equal(started.objectives.list()[0]?.state, ObjectiveState.BURNING);
    started.objectives.update([]);
    assert.deepEqual(started.objectives.list(), []);
  });
});
