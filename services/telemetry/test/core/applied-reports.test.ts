import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AppliedReports } from "../../src/core/aggregate/applied-reports.ts";

test("a report is new once, in whatever order reports come and however often", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.integer({ min: 1, max: 60 }))), (reports) => {
      const applied = new AppliedReports();
      const seen = new Set<string>();
      for (const [boot, sequence] of reports) {
        const key = `${boot}:${sequence}`;
        assert.equal(applied.has(boot, sequence), seen.has(key));
        assert.equal(applied.add(boot, sequence, 0), !seen.has(key));
        seen.add(key);
      }
    }),
  );
});

test("reports in sequence cost one range, whatever their number, also when the first seen is not number 1", () => {
  const applied = new AppliedReports();
  for (let sequence = 57; sequence < 100_000; sequence++) applied.add("a", sequence, 0);
  assert.equal(applied.has("a", 56), false);
  assert.equal(applied.has("a", 99_999), true);
});

test("gaps are remembered up to a limit, beyond which the oldest count as seen", () => {
  const applied = new AppliedReports();
  for (let sequence = 2; sequence <= 2_000; sequence += 2) applied.add("a", sequence, 0);
  assert.equal(applied.has("a", 3), true);
  assert.equal(applied.has("a", 1_999), false);
  assert.equal(applied.add("a", 1_999, 0), true);
});

test("boot ids are bounded in number: the least recently used goes first", () => {
  const applied = new AppliedReports({ maxBoots: 2 });
  applied.add("a", 1, 0);
  applied.add("b", 1, 0);
  applied.add("a", 2, 0);
  applied.add("c", 1, 0);
  assert.deepEqual(
    ["a", "b", "c"].map((boot) => applied.has(boot, 1)),
    [true, false, true],
  );
});

test("boot ids that are idle are forgotten", () => {
  const applied = new AppliedReports();
  applied.add("a", 1, 1_000);
  applied.add("b", 1, 5_000);
  applied.forget(5_000);
  assert.equal(applied.size, 1);
  assert.equal(applied.has("b", 1), true);
});
