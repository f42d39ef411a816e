import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTokenBucket } from "@patchbay/model";
import fc from "fast-check";

describe("a token bucket", () => {
  it("lets its burst pass at once and then its rate", () => {
    let now = 0;
    const bucket = createTokenBucket({ requests: 10, perMs: 1_000, burst: 3, now: () => now });
    assert.deepEqual(
      [1, 2, 3, 4].map(() => bucket.take()),
      [true, true, true, false],
    );
    assert.equal(bucket.retryAfterMs(), 100);
    now = 100;
    assert.deepEqual([bucket.take(), bucket.take()], [true, false]);
    now = 10_000;
    assert.equal(bucket.left(now), 3);
    assert.equal(bucket.retryAfterMs(), 0);
  });

  it("is as large as its rate when no burst is given", () => {
    const bucket = createTokenBucket({ requests: 5, perMs: 1_000, burst: 0, now: () => 0 });
    assert.equal(bucket.left(0), 5);
  });

  it("refills nothing twice when the clock goes back and comes again", () => {
    let now = 0;
    const bucket = createTokenBucket({ requests: 1, perMs: 1_000, burst: 1, now: () => now });
    let passed = 0;
    for (now of [0, 1_000, 0, 1_000, 0, 1_000]) passed += Number(bucket.take());
    assert.equal(passed, 2);
  });

  it("lets never more pass than its rate, whatever the clock does", () => {
    const reading = fc.oneof(
      fc.double({ min: -100, max: 5_000, noNaN: true }),
      fc.double(),
      fc.constantFrom(0, -1, Number.MAX_SAFE_INTEGER),
    );
    const options = fc.record({
      requests: fc.integer({ min: 1, max: 100_000 }),
      perMs: fc.integer({ min: 1, max: 3_600_000 }),
      burst: fc.integer({ min: 0, max: 50 }),
    });
    fc.assert(
      fc.property(options, fc.array(reading, { minLength: 1, maxLength: 200 }), (limit, clock) => {
        let now = clock[0] ?? 0;
        const bucket = createTokenBucket({ ...limit, now: () => now });
        const start = Number.isFinite(now) ? now : 0;
        let highest = start;
        let passed = 0;
        for (now of clock) {
          if (Number.isFinite(now)) highest = Math.max(highest, now);
          while (passed < 100_000 && bucket.take()) passed += 1;
          const most = (highest - start) * (limit.requests / limit.perMs) + (limit.burst || limit.requests);
          assert.ok(passed <= most * (1 + 1e-9) + 1e-6, `${passed} of ${most}`);
          assert.ok(bucket.left(now) >= 0 && bucket.retryAfterMs() >= 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("keeps up its rate when it is asked often", () => {
    let now = 0;
    const bucket = createTokenBucket({ requests: 333, perMs: 1_000, burst: 2, now: () => now });
    let passed = 0;
    for (now = 0; now <= 60_000; now += 0.5) passed += Number(bucket.take());
    assert.ok(passed > 333 * 60 * 0.99, String(passed));
  });
});
