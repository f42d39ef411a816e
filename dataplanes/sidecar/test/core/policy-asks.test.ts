import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Attributes,
  createPluginDecisions,
  type PluginAnswer,
  type PluginDecisions,
} from "../../src/core/policy/plugin-decisions.ts";

const YES: PluginAnswer = { allowed: true, reason: "", status: 0, ttlMs: 1_000, vary: ["path"] };

/** Asks a plugin that answers what `decide` says, at a clock that stands still. */
class Bench {
  time = 0;
  readonly asked: Attributes[] = [];
  readonly asks: PluginDecisions<string>;

  constructor(decide: (attributes: Attributes) => Partial<PluginAnswer> | Error) {
    this.asks = createPluginDecisions<string>({
      now: () => this.time,
      call: async (_policy, attributes) => {
        this.asked.push(attributes);
        await Promise.resolve();
        const answer = decide(attributes);
        if (answer instanceof Error) throw answer;
        return { ...YES, ...answer };
      },
    });
  }

  /** What becomes of one request. */
  async ask(request: Partial<Attributes> = {}, policy = "p"): Promise<boolean | undefined> {
    const attributes = { sourceIdentity: "web", target: "d/users", method: "GET", path: "/", headers: {}, ...request };
    const answer = await this.asks.ask(policy, policy, { shown: ["x-user"], ...attributes });
    return answer?.allowed;
  }
}

describe("plugins' answers", () => {
  it("without `vary` are not used again, so that nobody slips in behind another's consent", async () => {
    const bench = new Bench(({ headers }) => ({ vary: [], allowed: headers["x-user"] === "root" }));
    assert.equal(await bench.ask({ headers: { "x-user": "root" } }), true);
    assert.equal(await bench.ask({ headers: { "x-user": "guest" } }), false);
    assert.equal(await bench.ask({ headers: { "x-user": "guest" } }), false);
    assert.equal(bench.asked.length, 3);
  });

  it("without a time to live are not used again", async () => {
    const bench = new Bench(() => ({ ttlMs: undefined }));
    await bench.ask();
    await bench.ask();
    assert.equal(bench.asked.length, 2);
  });

  it("are used again for what is equal in `vary`, and for nothing else", async () => {
    const bench = new Bench(() => ({ vary: ["path", "header:x-user"] }));
    await bench.ask({ headers: { "x-user": "a" } });
    await bench.ask({ headers: { "x-user": "a" }, method: "POST" });
    assert.equal(bench.asked.length, 1);
    for (const other of [
      { headers: { "x-user": "b" } },
      { headers: {} },
      { headers: { "x-user": "" } },
      { headers: { "x-user": "a" }, path: "/other" },
      { headers: { "x-user": "a" }, sourceIdentity: "batch" },
      { headers: { "x-user": "a" }, target: "d/carts" },
    ])
      await bench.ask(other);
    await bench.ask({ headers: { "x-user": "a" } }, "another policy");
    assert.equal(bench.asked.length, 8);
  });

  it("that depend on nothing but the caller are used again for all that it asks, and for nobody else", async () => {
    const bench = new Bench(() => ({ vary: ["source"] }));
    await bench.ask();
    await bench.ask({ path: "/other", method: "POST", headers: { "x-user": "a" } });
    assert.equal(bench.asked.length, 1);
    await bench.ask({ sourceIdentity: "batch" });
    await bench.ask({ sourceIdentity: "" });
    assert.equal(bench.asked.length, 3);
  });

  it("that depend on what the plugin was not shown, or on something unheard of, are not used again", async () => {
    for (const attribute of ["header:authorization", "weather"]) {
      const bench = new Bench(() => ({ vary: ["path", attribute] }));
      await bench.ask();
      await bench.ask();
      assert.equal(bench.asked.length, 2, attribute);
    }
  });

  it("are over when their time is, counted from the moment of asking", async () => {
    const bench = new Bench(() => {
      bench.time += 400;
      return {};
    });
    await bench.ask();
    bench.time = 999;
    await bench.ask();
    assert.equal(bench.asked.length, 1);
    bench.time = 1_000;
    await bench.ask();
    assert.equal(bench.asked.length, 2);
  });

  it("are forgotten when policies change, also the ones on their way", async () => {
    const bench = new Bench(() => ({}));
    const under = bench.ask();
    bench.asks.forget();
    await under;
    await bench.ask();
    assert.equal(bench.asked.length, 2);
  });

  it("are one call for identical questions at a time", async () => {
    const bench = new Bench(() => ({ vary: [] }));
    const answers = await Promise.all([bench.ask(), bench.ask(), bench.ask(), bench.ask({ path: "/b" })]);
    assert.deepEqual(answers, [true, true, true, true]);
    assert.equal(bench.asked.length, 2);
  });

  it("that did not come are not used again", async () => {
    let fails = true;
    const bench = new Bench(() => (fails ? new Error("no instance is ready") : {}));
    assert.equal(await bench.ask(), undefined);
    fails = false;
    assert.equal(await bench.ask(), true);
  });

  it("that refuse go before those that consent", async () => {
    let answer: Partial<PluginAnswer> = { vary: ["path"] };
    const bench = new Bench(() => answer);
    await bench.ask();
    bench.time = 500;
    answer = { vary: ["method"], allowed: false };
    await bench.ask({ path: "/other" });
    assert.equal(await bench.ask(), false);
  });

  it("are held in a bounded number", async () => {
    const bench = new Bench(() => ({}));
    for (let i = 0; i < 5_050; i += 1) await bench.ask({ path: `/${i}` });
    assert.equal(bench.asks.size(), 5_000);
  });
});
