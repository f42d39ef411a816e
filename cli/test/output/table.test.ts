import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { table, wrap } from "../../src/output/table.ts";
import { shorten, textWidth } from "../../src/output/text-width.ts";
import { compact, latency, percent, rate, span } from "../../src/output/units.ts";

describe("a table", () => {
  it("has numbers under each other and no blanks at line ends", () => {
    const columns = [{ title: "NAME" }, { title: "COUNT", align: "right" as const }];
    assert.deepEqual(
      table({
        columns,
        rows: [
          ["a", "1"],
          ["long", "1000"],
        ],
      }),
      ["NAME  COUNT", "a         1", "long   1000"],
    );
  });

  it("never takes more than its width while something can be shortened", () => {
    const name = fc.string({
      unit: fc.oneof(fc.constantFrom("日", "한", "👩‍💻", "é", "e\u0301"), fc.string({ maxLength: 1 })),
      maxLength: 200,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, name)), (rows) => {
        const columns = [
          { title: "A", flexible: true },
          { title: "B", flexible: true },
        ];
        for (const line of table({ columns, rows, width: 80 })) assert.ok(textWidth(line) <= 80, line);
      }),
    );
  });

  it("shortens a name in its middle, where it differs least", () => {
    assert.equal(shorten("users.default.svc.cluster.local", 11), "users…local");
    assert.equal(shorten("users", 5), "users");
  });

  it("counts the columns that a terminal takes, so that wide letters and emoji keep the next column straight", () => {
    const columns = [{ title: "NAME" }, { title: "COUNT" }];
    const rows = [
      ["日本", "1"],
      ["👩‍💻", "2"],
      ["cafe\u0301", "3"],
    ];
    assert.deepEqual(table({ columns, rows }), ["NAME  COUNT", "日本  1", "👩‍💻    2", "cafe\u0301  3"]);
    assert.equal(shorten("日本語のサービス", 9), "日本…ビス");
    assert.equal(shorten("👩‍💻👩‍💻👩‍💻", 5), "👩‍💻…👩‍💻");
  });

  it("wraps sentences between words", () => {
    assert.deepEqual(wrap("the chain stopped here", 10), ["the chain", "stopped", "here"]);
  });
});

describe("units", () => {
  it("say numbers as people read them", () => {
    assert.deepEqual([12, 12.345, 12_345, 2_500_000].map(compact), ["12", "12.3", "12.3k", "2.5M"]);
    assert.deepEqual([0, 0.003, 1 / 60, 6.23, 12_345].map(rate), ["0.0", "<0.01", "0.02", "6.2", "12.3k"]);
    assert.deepEqual([0.42, 12.3, 1_500, Number.NaN].map(latency), ["0.4ms", "12ms", "1.50s", "-"]);
    assert.deepEqual([2_000, 75_000, 7_500_000, 260_000_000].map(span), ["2s", "1m15s", "2h5m", "3d"]);
  });

  it("never round a failure away", () => {
    assert.deepEqual([1, 0.99999, 0.5].map(percent), ["100.0%", "99.9%", "50.0%"]);
  });
});
