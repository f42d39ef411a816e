import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createFakeClock } from "@patchbay/testkit";

describe("a fake clock", () => {
  it("runs timers in the order of their times, each at its own time", async () => {
    const clock = createFakeClock(1_000);
    const ran: string[] = [];
    clock.after(20, () => ran.push(`second at ${clock.monotonic()}`));
    clock.after(10, () => ran.push(`first at ${clock.now()}`));
    await clock.advance(30);
    assert.deepEqual(ran, ["first at 1010", "second at 20"]);
    assert.equal(clock.now(), 1_030);
  });

  it("runs timers that timers set, when they become due within the same move", async () => {
    const clock = createFakeClock();
    const ran: number[] = [];
    const again = async (): Promise<void> => {
      for (;;) {
        await clock.pause(10);
        ran.push(clock.monotonic());
      }
    };
    void again();
    await clock.advance(35);
    assert.deepEqual(ran, [10, 20, 30]);
    assert.equal(clock.pending(), 1);
  });

  it("repeats until it is told to stop, also by the work itself", async () => {
    const clock = createFakeClock();
    let count = 0;
    const cancel = clock.every(10, () => {
      count += 1;
      if (count === 2) cancel();
    });
    await clock.advance(100);
    assert.equal(count, 2);
    assert.equal(clock.pending(), 0);
  });

  it("ends a pause at once when its signal aborts", async () => {
    const clock = createFakeClock();
    const stop = new AbortController();
    const paused = clock.pause(1_000, stop.signal);
    stop.abort();
    await paused;
    assert.equal(clock.pending(), 0);
  });

  it("jumps as a machine whose clock is set, without running timers", async () => {
    const clock = createFakeClock(0);
    let ran = false;
    clock.after(10, () => (ran = true));
    clock.jump(5_000);
    await clock.advance(1);
    assert.deepEqual([clock.now(), clock.monotonic(), ran], [5_001, 1, false]);
  });
});
