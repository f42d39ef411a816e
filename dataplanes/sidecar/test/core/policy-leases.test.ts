import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Grant } from "../../src/core/policy/lease.ts";
import { createLeaseSpender, type LeaseSpender, type Spent } from "../../src/core/policy/lease-spender.ts";

interface Question {
  readonly id: string;
  readonly size: number;
}

interface Asked {
  readonly wanted: number;
  readonly unspent: number;
  answer(grant: Partial<Grant>): Promise<void>;
  fail(): Promise<void>;
}

/** A spender whose plugin says what a test tells it to say, at a clock that stands still. */
class Bench {
  time = 0;
  readonly asked: Asked[] = [];
  readonly spender: LeaseSpender<Question> = createLeaseSpender<Question>({
    now: () => this.time,
    ask: (_question, amount) => {
      const answered = Promise.withResolvers<Grant>();
      this.asked.push({
        ...amount,
        async answer(grant) {
          answered.resolve({ granted: 0, validMs: undefined, retryAfterMs: undefined, ...grant });
          await settled();
        },
        async fail() {
          answered.reject(new Error("no instance is ready"));
          await settled();
        },
      });
      return answered.promise;
    },
  });
  readonly results: Spent[] = [];

  /** Requests, so many at once; what becomes of them is in `results`. */
  spend(count = 1, id = "a"): void {
    for (let i = 0; i < count; i += 1) {
      const spent = this.spender.spend({ id, size: 100 });
      if (spent instanceof Promise) void spent.then((late) => this.results.push(late));
      else this.results.push(spent);
    }
  }

  passed(): number {
    return this.results.filter(({ kind }) => kind === "passed").length;
  }

  get last(): Asked {
    const asked = this.asked.at(-1);
    assert.ok(asked !== undefined, "the plugin was asked");
    return asked;
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

describe("leases", () => {
  it("are spent without asking until three quarters are gone, then renewed while the rest is spent", async () => {
    const bench = new Bench();
    bench.spend();
    await bench.last.answer({ granted: 10, validMs: 1_000 });
    bench.spend(6);
    assert.equal(bench.asked.length, 1);
    bench.spend(1);
    assert.equal(bench.asked.length, 2);
    bench.spend(2);
    assert.deepEqual([bench.passed(), bench.asked.length], [10, 2]);
  });

  it("share one first question among all that wait, and ask again only for those that got nothing", async () => {
    const bench = new Bench();
    bench.spend(25);
    assert.equal(bench.asked.length, 1);
    await bench.last.answer({ granted: 10, validMs: 1_000 });
    assert.deepEqual([bench.passed(), bench.asked.length], [10, 2]);
    assert.ok(bench.last.wanted >= 14, `${bench.last.wanted} are wanted for 14 more that wait`);
    await bench.last.answer({ granted: 20, validMs: 1_000 });
    assert.equal(bench.passed(), 25);
  });

  it("refuse when nothing was granted, until the time that the plugin named", async () => {
    const bench = new Bench();
    bench.spend();
    await bench.last.answer({ granted: 0, retryAfterMs: 300 });
    assert.deepEqual(bench.results, [{ kind: "limited", retryAfterMs: 300 }]);
    bench.time = 200;
    bench.spend();
    assert.deepEqual(bench.results.at(-1), { kind: "limited", retryAfterMs: 100 });
    bench.time = 300;
    bench.spend();
    assert.equal(bench.asked.length, 2);
  });

  it("count their validity from the moment of asking", async () => {
    const bench = new Bench();
    bench.spend(2);
    bench.time = 900;
    await bench.last.answer({ granted: 10, validMs: 1_000 });
    assert.equal(bench.passed(), 2);
    bench.time = 1_000;
    bench.spend();
    assert.equal(bench.passed(), 2, "what was granted at 0 for 1,000 ms is over");
  });

  it("without a validity let one request pass and are not renewed ahead", async () => {
    const bench = new Bench();
    bench.spend(2);
    await bench.last.answer({ granted: 5 });
    assert.deepEqual([bench.passed(), bench.asked.length], [1, 2]);
    await bench.last.answer({ granted: 5 });
    assert.deepEqual([bench.passed(), bench.asked.length], [2, 2]);
  });

  it("leave a request to the failure policy when the plugin cannot be asked, and the plugin in peace for a moment", async () => {
    const bench = new Bench();
    bench.spend(3);
    await bench.last.fail();
    assert.deepEqual(
      bench.results.map(({ kind }) => kind),
      ["failed", "failed", "failed"],
    );
    bench.spend();
    assert.equal(bench.asked.length, 1);
    bench.time = 100;
    bench.spend();
    assert.equal(bench.asked.length, 2);
  });

  it("are spent to their end while the plugin is away", async () => {
    const bench = new Bench();
    bench.spend();
    await bench.last.answer({ granted: 10, validMs: 1_000 });
    bench.spend(7);
    await bench.last.fail();
    bench.spend(2);
    assert.equal(bench.passed(), 10);
  });

  it("give back early what will not be needed, and cannot spend it any more", async () => {
    const bench = new Bench();
    bench.spend();
    await bench.last.answer({ granted: 10, validMs: 1_000 });
    bench.time = 800;
    bench.spend();
    const { unspent, wanted } = bench.last;
    assert.equal(bench.asked.length, 2);
    assert.ok(unspent >= 6, `${unspent} of 8 are given back`);
    assert.ok(wanted < 10, `${wanted} are wanted after 2 were spent`);
    bench.spend(9);
    assert.equal(bench.passed() + unspent, 10);
  });

  it("hold a bounded number of requests that wait", () => {
    const bench = new Bench();
    bench.spend(1_001);
    assert.deepEqual(bench.results, [{ kind: "failed" }]);
  });

  it("are told apart by their keys, and told about without being spent", async () => {
    const bench = new Bench();
    bench.spend(1, "a");
    await bench.last.answer({ granted: 10, validMs: 1_000 });
    bench.time = 250;
    assert.deepEqual(bench.spender.state({ id: "a", size: 100 }), { left: 9, size: 10, expiresInMs: 750 });
    assert.equal(bench.spender.state({ id: "b", size: 100 }), undefined);
  });

  it("never let more pass than was granted and not given back", async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("spend" as const), count: fc.integer({ min: 1, max: 8 }) }),
      fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 400 }) }),
      fc.record({
        kind: fc.constant("answer" as const),
        granted: fc.integer({ min: 0, max: 20 }),
        validMs: fc.option(fc.integer({ min: 0, max: 500 }), { nil: undefined }),
      }),
      fc.record({ kind: fc.constant("fail" as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const bench = new Bench();
        let answered = 0;
        let granted = 0;
        for (const each of steps) {
          const open = bench.asked[answered];
          if (each.kind === "spend") bench.spend(each.count);
          else if (each.kind === "wait") bench.time += each.ms;
          else if (open !== undefined) {
            answered += 1;
            if (each.kind === "fail") await open.fail();
            else {
              granted += each.validMs === undefined ? Math.min(1, each.granted) : each.granted;
              await open.answer(each);
            }
          }
          const returned = bench.asked.reduce((sum, { unspent }) => sum + unspent, 0);
          assert.ok(bench.passed() <= granted - returned, `${bench.passed()} of ${granted} - ${returned} passed`);
        }
      }),
    );
  });
});
