import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { durationText, parseDuration } from "@patchbay/model";
import fc from "fast-check";

describe("a duration", () => {
  it("is whole numbers with h, m, s or ms, as in GEP-2257", () => {
    assert.deepEqual(
      ["1h", "1m", "10s", "500ms", "0s", "1h30m", "1m30s500ms", "10s30m1h"].map(parseDuration),
      [3_600_000, 60_000, 10_000, 500, 0, 5_400_000, 90_500, 5_410_000],
    );
  });

  it("is nothing else", () => {
    for (const text of ["", "1", "1.5s", "-1s", "1 s", " 1s", "1d", "1us", "1S", "123456s", "1s1s1s1s1s", "s", "PT1S"])
      assert.equal(parseDuration(text), undefined, text);
  });

  it("is read as it is printed", () => {
    const printable = fc.integer({ min: 0, max: 99_999 * 3_600_000 });
    fc.assert(fc.property(printable, (ms) => assert.equal(parseDuration(durationText(ms)), ms)));
  });
});
