import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSmoothWeightedPicker } from "../../src/core/balancing/smooth-weighted-picker.ts";
import { seeded } from "../support/simulation.ts";

const UNIT = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("draws are always indices, and two different ones when weights are equal", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
      UNIT,
      UNIT,
      (weights, r1, r2) => {
        const urn = createSmoothWeightedPicker(weights);
        const first = urn.first(r1);
        const second = urn.second(first, r2);
        assert.ok(weights[first] !== undefined && weights[second] !== undefined);
        if (weights.length > 1 && new Set(weights).size === 1) assert.notEqual(first, second);
      },
    ),
  );
});

test("each item's share of first and of second draws is its weight", () => {
  const weights = [1, 2, 5, 2];
  const urn = createSmoothWeightedPicker(weights);
  const random = seeded(1);
  const firsts = [0, 0, 0, 0];
  const seconds = [0, 0, 0, 0];
  const rounds = 100_000;
  for (let i = 0; i < rounds; i += 1) {
    const first = urn.first(random());
    const second = urn.second(first, random());
    firsts[first] = (firsts[first] ?? 0) + 1;
    seconds[second] = (seconds[second] ?? 0) + 1;
  }
  weights.forEach((weight, index) => {
    assert.ok(Math.abs((firsts[index] ?? 0) / rounds - weight / 10) < 0.01);
    assert.ok(Math.abs((seconds[index] ?? 0) / rounds - weight / 10) < 0.01);
  });
});
