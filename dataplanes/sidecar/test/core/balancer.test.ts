import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { createBalancer } from "../../src/core/balancing/balancer.ts";
import { BALANCER_DEFAULTS } from "../../src/core/balancing/balancer-defaults.ts";
import { createSimulation, endpoints, seeded } from "../support/simulation.ts";

const SLOW = "10.0.0.1:80";
const NONE: ReadonlySet<string> = new Set();

function share(counts: ReadonlyMap<string, number>, key: string): number {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return (counts.get(key) ?? 0) / total;
}

describe("power of two choices on peak EWMA", () => {
  for (const rate of [20, 100, 1000, 3000]) {
    for (const seed of [1, 2, 3]) {
      test(`one of five endpoints at 10 times the latency gets under 5 % and recovers within 10 s (${rate}/s, seed ${seed})`, () => {
        let slow = true;
        const jitter = seeded(seed + 100);
        const server = (key: string) => ({
          latencyMs: (key === SLOW && slow ? 100 : 10) * (0.7 + 0.6 * jitter()),
          failed: false,
        });
        const simulation = createSimulation({ seed, server });
        simulation.balancer.update(endpoints(5));
        simulation.run({ seconds: 5, rate });
        assert.ok(share(simulation.run({ seconds: 30, rate }), SLOW) < 0.05);
        slow = false;
        simulation.run({ seconds: 10, rate });
        assert.ok(share(simulation.run({ seconds: 10, rate }), SLOW) > 0.1);
      });
    }
  }

  test("equal endpoints share equally", () => {
    const simulation = createSimulation({ seed: 4, server: () => ({ latencyMs: 10, failed: false }) });
    simulation.balancer.update(endpoints(4));
    const counts = simulation.run({ seconds: 20, rate: 500 });
    for (const { endpoint } of endpoints(4)) assert.ok(Math.abs(share(counts, `${endpoint.address}:80`) - 0.25) < 0.03);
  });

  test("a new endpoint is tried at once, by one request until it has answered", () => {
    const balancer = createBalancer({ ...BALANCER_DEFAULTS, random: seeded(5), now: () => 0 });
    balancer.update(endpoints(2));
    for (let i = 0; i < 10; i += 1) {
      const pick = balancer.pick(new Set([SLOW]));
      pick?.end({ failed: false, latencyMs: 5 });
    }
    assert.equal(balancer.pick(NONE)?.key, SLOW);
    for (let i = 0; i < 20; i += 1) assert.equal(balancer.pick(NONE)?.key, "10.0.0.2:80");
  });

  test("an endpoint that fails fast does not look fast", () => {
    const server = (key: string) => (key === SLOW ? { latencyMs: 1, failed: true } : { latencyMs: 20, failed: false });
    const simulation = createSimulation({ seed: 6, server, settings: { maxFailures: 1_000_000 } });
    simulation.balancer.update(endpoints(5));
    assert.ok(share(simulation.run({ seconds: 30, rate: 200 }), SLOW) < 0.05);
  });

  test("an endpoint whose limit is reached does not look fast", () => {
    const limited = { latencyMs: 1, failed: false, limited: true };
    const served = new Map<string, number>();
    const simulation = createSimulation({
      seed: 9,
      // The first three are served, as by a bucket that then is empty; the other has no limit.
      server(key) {
        served.set(key, (served.get(key) ?? 0) + 1);
        return key === SLOW && (served.get(key) ?? 0) > 3 ? limited : { latencyMs: 20, failed: false };
      },
    });
    simulation.balancer.update(endpoints(2));
    // Not half, since it has nothing in flight; looking fast it would get all but 2 %.
    assert.ok(share(simulation.run({ seconds: 30, rate: 50 }), SLOW) < 0.7);
  });

  test("weights are shares when endpoints are equally fast", () => {
    const jitter = seeded(70);
    const simulation = createSimulation({ seed: 7, server: () => ({ latencyMs: 1 + 0.2 * jitter(), failed: false }) });
    simulation.balancer.update(endpoints(3, [1, 3, 6]));
    const counts = simulation.run({ seconds: 60, rate: 100 });
    [0.1, 0.3, 0.6].forEach((wanted, index) => {
      const got = share(counts, `10.0.0.${index + 1}:80`);
      assert.ok(Math.abs(got - wanted) < 0.05, `endpoint ${index + 1} got ${got} instead of ${wanted}`);
    });
  });

  test("an endpoint at its limit gets nothing more, and all at their limit is no endpoint", () => {
    const balancer = createBalancer({ ...BALANCER_DEFAULTS, maxOutstanding: 2, random: seeded(8), now: () => 0 });
    balancer.update(endpoints(2));
    const picks = [1, 2, 3, 4].map(() => balancer.pick(NONE));
    assert.equal(new Set(picks.map((pick) => pick?.key)).size, 2);
    assert.equal(balancer.pick(NONE), undefined);
    picks[0]?.end(undefined);
    assert.equal(balancer.pick(NONE)?.key, picks[0]?.key);
  });

  test("a retry goes elsewhere, unless there is nothing else", () => {
    const balancer = createBalancer({ ...BALANCER_DEFAULTS, random: seeded(9), now: () => 0 });
    balancer.update(endpoints(2));
    for (let i = 0; i < 20; i += 1) assert.equal(balancer.pick(new Set([SLOW]))?.key, "10.0.0.2:80");
    balancer.update(endpoints(1));
    assert.equal(balancer.pick(new Set([SLOW]))?.key, SLOW);
  });

  test("ending an attempt twice counts once", () => {
    const balancer = createBalancer({ ...BALANCER_DEFAULTS, maxOutstanding: 1, random: seeded(10), now: () => 0 });
    balancer.update(endpoints(1));
    const pick = balancer.pick(NONE);
    pick?.end(undefined);
    pick?.end(undefined);
    assert.ok(balancer.pick(NONE));
    assert.equal(balancer.pick(NONE), undefined);
  });

  test("no endpoints, no pick", () => {
    const balancer = createBalancer({ ...BALANCER_DEFAULTS, random: seeded(11), now: () => 0 });
    assert.equal(balancer.pick(NONE), undefined);
    balancer.update([]);
    assert.equal(balancer.pick(NONE), undefined);
  });
});

describe("failure accrual", () => {
  function world(count: number) {
    const clock = { now: 0 };
    const balancer = createBalancer({ ...BALANCER_DEFAULTS, jitter: 0, random: seeded(12), now: () => clock.now });
    balancer.update(endpoints(count));
    const fail = (key: string, times: number) => {
      const others = new Set(
        endpoints(count)
          .map(({ endpoint }) => `${endpoint.address}:80`)
          .filter((other) => other !== key),
      );
      for (let i = 0; i < times; i += 1) {
        const pick = balancer.pick(others);
        assert.equal(pick?.key, key);
        pick?.end({ failed: true, latencyMs: 1 });
      }
    };
    const chosen = (times: number) => {
      const picks = Array.from({ length: times }, () => balancer.pick(NONE));
      return picks.map((pick) => pick?.key);
    };
    return { clock, balancer, fail, chosen };
  }

  test("five failures in a row eject an endpoint, four and a success do not", () => {
    const { balancer, fail } = world(2);
    fail(SLOW, 4);
    balancer.pick(new Set(["10.0.0.2:80"]))?.end({ failed: false, latencyMs: 1 });
    fail(SLOW, 4);
    assert.equal(balancer.ejected(), 0);
    fail(SLOW, 1);
    assert.equal(balancer.ejected(), 1);
  });

  test("an ejected endpoint gets nothing until its backoff has passed, then one probe", () => {
    const { clock, fail, chosen } = world(2);
    fail(SLOW, 5);
    clock.now = 999;
    assert.ok(!chosen(50).includes(SLOW));
    clock.now = 1_000;
    assert.equal(chosen(50).filter((key) => key === SLOW).length, 1);
  });

  test("a probe that fails doubles the backoff up to a minute, one that succeeds readmits", () => {
    const { clock, balancer, fail } = world(2);
    fail(SLOW, 5);
    for (const backoff of [1, 2, 4, 8, 16, 32, 60, 60]) {
      clock.now += backoff * 1000 - 1;
      assert.equal(balancer.pick(new Set(["10.0.0.2:80"]))?.key, "10.0.0.2:80");
      clock.now += 1;
      const probe = balancer.pick(NONE);
      assert.equal(probe?.key, SLOW);
      probe?.end({ failed: true, latencyMs: 1 });
    }
    clock.now += 60_000;
    const probe = balancer.pick(NONE);
    assert.equal(probe?.key, SLOW);
    probe?.end({ failed: false, latencyMs: 1 });
    assert.equal(balancer.ejected(), 0);
  });

  test("a probe without an answer is followed by another after 10 s", () => {
    const { clock, fail, chosen } = world(2);
    fail(SLOW, 5);
    clock.now = 1_000;
    assert.equal(chosen(20).filter((key) => key === SLOW).length, 1);
    clock.now = 10_999;
    assert.equal(chosen(20).filter((key) => key === SLOW).length, 0);
    clock.now = 11_000;
    assert.equal(chosen(20).filter((key) => key === SLOW).length, 1);
  });

  test("when all are ejected all serve, and the first success readmits", () => {
    const { balancer, fail } = world(2);
    fail(SLOW, 5);
    fail("10.0.0.2:80", 5);
    assert.equal(balancer.ejected(), 2);
    const pick = balancer.pick(NONE);
    assert.ok(pick);
    pick.end({ failed: false, latencyMs: 1 });
    assert.equal(balancer.ejected(), 1);
  });

  test("a success that began before the ejection does not readmit", () => {
    const { clock, balancer, fail } = world(1);
    const early = balancer.pick(NONE);
    clock.now = 1;
    fail(SLOW, 5);
    early?.end({ failed: false, latencyMs: 1 });
    assert.equal(balancer.ejected(), 1);
  });

  test("an endpoint that stays keeps its record through an update", () => {
    const { balancer, fail } = world(2);
    fail(SLOW, 5);
    balancer.update(endpoints(3));
    assert.equal(balancer.ejected(), 1);
    balancer.update(endpoints(3).slice(1));
    assert.equal(balancer.ejected(), 0);
  });
});
