import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { RatelimitRequest } from "mesh-sdk";
import { createLimiter, type Limiter } from "../src/limiter.ts";

const base: RatelimitRequest = {
  policy: "default/per-tenant",
  limit: "limit",
  key: [],
  requests: 100,
  perMs: 1_000,
  burst: 100,
  holder: "default/web/1",
  wanted: 10,
  unspent: 0,
};

function granted(limiter: Limiter, request: Partial<RatelimitRequest>, now: number): number {
  const lease = limiter.lease({ ...base, ...request }, now);
  return lease.kind === "grant" ? lease.requests : 0;
}

/** Proxies that each ask as often and for as much as they like; what each of them got in `ms` milliseconds. */
function run(limiter: Limiter, ms: number, holders: Readonly<Record<string, { everyMs: number; wanted: number }>>) {
  const got = new Map(Object.keys(holders).map((holder) => [holder, 0]));
  for (let now = 0; now < ms; now += 1) {
    for (const [holder, { everyMs, wanted }] of Object.entries(holders)) {
      if (now % everyMs !== 0) continue;
      got.set(holder, (got.get(holder) ?? 0) + granted(limiter, { holder, wanted }, now));
    }
  }
  return Object.fromEntries(got);
}

test("a proxy alone gets what it wants, up to what is there, for a tenth of the limit's time", () => {
  const limiter = createLimiter({ maxKeys: 10 });
  assert.deepEqual(limiter.lease({ ...base, wanted: 30 }, 0), { kind: "grant", requests: 30, validForMs: 100 });
  assert.deepEqual(limiter.lease({ ...base, wanted: 200 }, 0), { kind: "grant", requests: 70, validForMs: 100 });
  assert.deepEqual(limiter.lease(base, 0), { kind: "refuse", retryAfterMs: 20 });
  assert.deepEqual(limiter.lease(base, 50), { kind: "grant", requests: 5, validForMs: 100 });
});

test("a lease of a slow limit lasts 5 s at most, and the next try is 5 s away at most", () => {
  const limiter = createLimiter({ maxKeys: 10 });
  const hourly = { ...base, requests: 2, perMs: 3_600_000, burst: 1 };
  assert.deepEqual(limiter.lease(hourly, 0), { kind: "grant", requests: 1, validForMs: 5_000 });
  assert.deepEqual(limiter.lease(hourly, 0), { kind: "refuse", retryAfterMs: 5_000 });
});

const request = fc.record({
  waitMs: fc.oneof(fc.integer({ min: -500, max: 2_000 }), fc.constant(0), fc.double({ min: 0, max: 3, noNaN: true })),
  holder: fc.constantFrom("a", "b", "c", "d"),
  wanted: fc.integer({ min: 1, max: 500 }),
  unspent: fc.integer({ min: 0, max: 500 }),
});

test("whatever the proxies ask and the clock does, no interval gives out more than the limit and one burst", () => {
  const limits = fc.record({
    requests: fc.integer({ min: 1, max: 1_000 }),
    perMs: fc.integer({ min: 1, max: 60_000 }),
    burst: fc.integer({ min: 1, max: 1_000 }),
  });
  fc.assert(
    fc.property(limits, fc.array(request, { maxLength: 60 }), (limit, asks) => {
      const limiter = createLimiter({ maxKeys: 10 });
      let now = 0;
      let latest = 0;
      /** What left the bucket by then, less what came back. */
      const given: { at: number; tokens: number }[] = [];
      const last = new Map<string, number>();
      for (const { waitMs, holder, wanted, unspent } of asks) {
        now += waitMs;
        latest = Math.max(latest, now);
        const got = granted(limiter, { ...limit, holder, wanted, unspent }, now);
        assert.ok(got <= wanted);
        // A liar's gift is worth no more than what it was granted last.
        given.push({ at: latest, tokens: got - Math.min(unspent, last.get(holder) ?? 0) });
        last.set(holder, got);
      }
      for (let from = 0; from < given.length; from += 1) {
        let sum = 0;
        for (const { at, tokens } of given.slice(from)) {
          sum += tokens;
          const most = limit.burst + ((at - (given[from]?.at ?? 0)) * limit.requests) / limit.perMs;
          assert.ok(sum <= most + 1e-6, `${sum} are more than ${most}`);
        }
      }
    }),
    { numRuns: 300, seed: 7 },
  );
});

test("greedy proxies get equal shares, however often they ask", () => {
  const got = run(createLimiter({ maxKeys: 10 }), 10_000, {
    quick: { everyMs: 7, wanted: 50 },
    slow: { everyMs: 90, wanted: 50 },
    other: { everyMs: 40, wanted: 1_000 },
  });
  const sum = Object.values(got).reduce((total, each) => total + each, 0);
  assert.ok(sum >= 1_050 && sum <= 1_100, `${sum} of 1100`);
  for (const [holder, each] of Object.entries(got)) {
    assert.ok(Math.abs(each - sum / 3) <= 60, `${holder} got ${each} of ${sum}`);
  }
});

test("more proxies than requests take turns", () => {
  const holders = Object.fromEntries(
    Array.from({ length: 20 }, (_, index) => [`proxy-${index}`, { everyMs: 20 + index, wanted: 5 }]),
  );
  const limiter = createLimiter({ maxKeys: 10 });
  for (const holder of Object.keys(holders)) granted(limiter, { holder, wanted: 5 }, 0);
  const got = Object.values(run(limiter, 10_000, holders));
  assert.ok(Math.min(...got) >= 40, `the least got ${Math.min(...got)} of a fair share of 50`);
  assert.ok(Math.max(...got) <= 65, `the most got ${Math.max(...got)}`);
});

test("a modest proxy gets all that it wants beside a greedy one, which gets all the rest", () => {
  const got = run(createLimiter({ maxKeys: 10 }), 10_000, {
    greedy: { everyMs: 10, wanted: 500 },
    modest: { everyMs: 100, wanted: 2 },
  });
  assert.ok((got.modest ?? 0) >= 190, `modest got ${got.modest} of 200`);
  assert.ok((got.greedy ?? 0) >= 850, `greedy got ${got.greedy}`);
});

test("a proxy that is gone holds nothing back for longer than two leases", () => {
  const limiter = createLimiter({ maxKeys: 10 });
  granted(limiter, { holder: "gone", wanted: 1_000 }, 0);
  granted(limiter, { holder: "stays", wanted: 1_000 }, 0);
  assert.equal(granted(limiter, { holder: "stays", wanted: 1_000 }, 1_000), 100);
});

test("what a proxy gives back others can have, once", () => {
  const limiter = createLimiter({ maxKeys: 10 });
  assert.equal(granted(limiter, { holder: "a", wanted: 100 }, 0), 100);
  assert.equal(granted(limiter, { holder: "a", wanted: 1, unspent: 60 }, 0), 1);
  assert.equal(granted(limiter, { holder: "a", wanted: 1, unspent: 60 }, 0), 1, "gives back the one that it has");
  assert.equal(granted(limiter, { holder: "b", wanted: 100, unspent: 100 }, 0), 58, "had nothing to give back");
});

test("each combination of policy, limit and key is a limit of its own", () => {
  const limiter = createLimiter({ maxKeys: 10 });
  for (const other of [{}, { policy: "default/other" }, { limit: "burst" }, { key: ["a", "b"] }, { key: ["a,b"] }]) {
    assert.equal(granted(limiter, { ...other, wanted: 100 }, 0), 100);
  }
  assert.equal(limiter.size, 5);
});

test("no more keys are kept than fit, and the longest unused one begins anew", () => {
  const limiter = createLimiter({ maxKeys: 3 });
  const ask = (key: string) => granted(limiter, { key: [key], wanted: 100 }, 0);
  for (const key of ["a", "b", "c"]) assert.equal(ask(key), 100);
  assert.equal(ask("a"), 0);
  assert.equal(ask("d"), 100);
  assert.equal(limiter.size, 3);
  assert.equal(ask("a"), 0, "was used");
  assert.equal(ask("b"), 100, "was forgotten");
});

test("idle keys are forgotten as soon as that loses nothing", () => {
  const limiter = createLimiter({ maxKeys: 1_000 });
  for (let index = 0; index < 100; index += 1) granted(limiter, { key: [`${index}`], wanted: 50 }, 0);
  granted(limiter, {}, 100);
  assert.equal(limiter.size, 101, "all of them are being refilled");
  for (let round = 0; round < 60; round += 1) granted(limiter, {}, 10_000);
  assert.equal(limiter.size, 1);
});

test("an edited limit counts from the next question on", () => {
  const limiter = createLimiter({ maxKeys: 10 });
  assert.equal(granted(limiter, { wanted: 1 }, 0), 1);
  assert.equal(granted(limiter, { wanted: 100, requests: 10, burst: 10 }, 0), 10);
  assert.equal(
    granted(limiter, { wanted: 100, requests: 1_000, burst: 1_000 }, 100),
    1,
    "refilled as it was written then",
  );
});
