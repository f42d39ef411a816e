import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ObjectiveState } from "@patchbay/proto/mesh/common/v1/objective_pb";
import { ObjectiveSchema, ObjectiveWindowSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { objectiveJson, objectiveLines } from "../../src/commands/slo/slo-rows.ts";

const window = (ms: number, good: number, total: number) =>
  create(ObjectiveWindowSchema, {
    window: durationFromMs(ms),
    covered: durationFromMs(ms),
    good: BigInt(good),
    total: BigInt(total),
    burn: ((total - good) / total || 0) / 0.01,
    threshold: 14.4,
  });
const objective = create(ObjectiveSchema, {
  namespace: "shop",
  name: "payments-works",
  target: "payments.shop",
  targetRatio: 0.99,
  latencyBound: durationFromMs(250),
  windows: [window(300_000, 80, 100), window(3_600_000, 995, 1_000)],
  budgetLeft: 0.5,
  state: ObjectiveState.BURNING,
  since: timestampFromMs(0),
  origin: { source: { case: "file", value: { path: "slo.yaml", line: 1 } } },
});

const view = { folder: "/resources", width: 80 };

describe("mesh slo", () => {
  it("shows promise, compliance, budget and burn in a line that fits a terminal", () => {
    const lines = objectiveLines([objective], view).map(stripVTControlCharacters);
    assert.match(lines[0] ?? "", /^NAME +TARGET +OBJECTIVE +GOOD +BUDGET +BURN +STATE/);
    assert.match(lines[1] ?? "", /99% <250ms +99\.5% +50\.0% +20\.0\/0\.5 +burning/);
    assert.ok(lines.every((line) => line.length <= 80));
    assert.match(lines[2] ?? "", /over 1h, burn over 5m \/ 1h/);
  });

  it("cuts no name of the usual length, even when much is overspent and callers are named", () => {
    const windows = [window(300_000, 80, 100), window(3_600_000, 700, 1_000)];
    const some = { ...objective, namespace: "default", target: "payments", source: "web", budgetLeft: -29.04, windows };
    const line = stripVTControlCharacters(objectiveLines([some], view)[1] ?? "");
    assert.match(line, /^payments-works +web +payments +99% <250ms +70\.0% +-2904% +20\.0\/30\.0 +burning$/);
  });

  it("says so when objectives have windows of their own, or their time has not come yet", () => {
    const other = { ...objective, partial: true, windows: [window(10_000, 1, 1), window(90_000, 1, 1)] };
    const last = (...objectives: (typeof objective)[]) =>
      stripVTControlCharacters(objectiveLines(objectives, { ...view, width: 120 }).at(-1) ?? "");
    assert.match(last(other), /over 90s, burn over 10s \/ 90s; 1m30s are covered so far/);
    assert.match(last(objective, other), /over the long window, .*\(-o json/);
  });

  it("says how to write one when there is none", () => {
    assert.match(
      objectiveLines([], view).join("\n"),
      /in \/resources, [\s\S]*kind: ServiceLevelObjective[\s\S]*docs\/objectives\.md/,
    );
  });

  it("has compliance as a number for scripts, and none without a request", () => {
    const json = objectiveJson(objective) as { compliance: number; windows: object[] };
    assert.deepEqual([json.compliance, json.windows.length], [0.995, 2]);
    const silent = objectiveJson({ ...objective, windows: [window(1, 0, 0)] }) as { compliance?: number };
    assert.equal(silent.compliance, undefined);
  });
});
