import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { TapWindow } from "../../src/core/tap/tap-window.ts";

describe("one second of a tap", () => {
  it("sends no more than its rate, and counts every request that it does not send", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(200), (rate, requests) => {
        const window = new TapWindow(rate);
        const sent = Array.from({ length: requests }, () => window.maySend()).filter(Boolean).length;
        assert.equal(sent, Math.min(rate, requests));
        assert.equal(window.roll()?.overRate ?? 0, requests - sent);
        assert.equal(window.maySend(), true);
      }),
    );
  });

  it("stops looking once that took a twentieth of the second, until the next", () => {
    const window = new TapWindow(100);
    let looked = 0;
    for (let request = 0; request < 100; request += 1)
      if (window.mayLook()) {
        looked += 1;
        window.spend(1);
      }
    assert.equal(looked, 50);
    assert.equal(window.roll()?.unexamined, 50);
    assert.equal(window.mayLook(), true);
  });

  it("has nothing to tell when everything was shown", () => {
    const window = new TapWindow(1);
    window.maySend();
    assert.equal(window.roll(), undefined);
  });

  it("tells each reason apart", () => {
    const window = new TapWindow(0);
    window.maySend();
    window.missRead();
    window.missEvaluation();
    assert.deepEqual(window.roll(), { overRate: 1, unread: 1, unexamined: 0, failed: 1 });
    assert.equal(window.roll(), undefined);
  });
});
