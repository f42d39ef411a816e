import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createDnsMemory } from "../../src/core/dns-memory.ts";

const part = (key: string, records: readonly string[] | undefined, priority = 0) => ({ key, records, priority });

describe("the memory of a name that is asked for in parts", () => {
  it("keeps what a part last found while its server fails, until it is too old", () => {
    const memory = createDnsMemory<string>(1_000);
    memory.merge([part("A", ["4"]), part("AAAA", ["6"])], 0);
    assert.deepEqual(memory.merge([part("A", undefined), part("AAAA", ["6"])], 900), {
      records: ["4", "6"],
      stale: true,
    });
    assert.deepEqual(memory.merge([part("A", undefined), part("AAAA", ["6"])], 1_000), {
      records: ["6"],
      stale: false,
    });
  });

  it("forgets at once what a server no longer has", () => {
    const memory = createDnsMemory<string>(1_000);
    memory.merge([part("A", ["4"]), part("AAAA", ["6"])], 0);
    assert.deepEqual(memory.merge([part("A", []), part("AAAA", ["6"])], 1), { records: ["6"], stale: false });
    assert.deepEqual(memory.merge([part("A", undefined), part("AAAA", ["6"])], 2), { records: ["6"], stale: false });
  });

  it("goes to the next priority only when the better ones have no record, old ones included", () => {
    const memory = createDnsMemory<string>(1_000);
    assert.deepEqual(memory.merge([part("b", ["second"], 2), part("a", [], 1)], 0).records, ["second"]);
    assert.deepEqual(memory.merge([part("b", ["second"], 2), part("a", ["first"], 1)], 1).records, ["first"]);
    assert.deepEqual(memory.merge([part("b", ["second"], 2), part("a", undefined, 1)], 2), {
      records: ["first"],
      stale: true,
    });
  });
});
