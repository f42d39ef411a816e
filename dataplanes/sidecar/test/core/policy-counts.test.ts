import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLruCache } from "@patchbay/model";
import { type AuditLine, createAudit } from "../../src/core/policy/audit.ts";
import { createDecisionCounts, Verdict } from "../../src/core/policy/decision-counts.ts";
import { createStringTable } from "../../src/core/report/string-table.ts";

describe("decisions", () => {
  it("are counted by policy, source and verdict, and begin anew with each report", () => {
    const counts = createDecisionCounts();
    const strings = createStringTable();
    assert.equal(counts.pending(), false);
    counts.add("default", "web", Verdict.ALLOWED);
    counts.add("default", "web", Verdict.ALLOWED);
    counts.add("default", "web", Verdict.DENIED);
    assert.equal(counts.pending(), true);
    const { decisions } = counts.take({ strings, hasRoom: () => true });
    const texts = strings.list();
    assert.deepEqual(
      decisions?.map(({ policy = 0, source = 0, verdict, count }) => [texts[policy], texts[source], verdict, count]),
      [
        ["default", "web", Verdict.ALLOWED, 2],
        ["default", "web", Verdict.DENIED, 1],
      ],
    );
    assert.equal(counts.pending(), false);
  });

  it("of more callers than there are rows are summed, and none is lost without a number", () => {
    const counts = createDecisionCounts(10);
    for (let i = 0; i < 100; i += 1) counts.add("default", `caller-${i}`, Verdict.DENIED);
    const { decisions = [] } = counts.take({ strings: createStringTable(), hasRoom: () => true });
    assert.equal(decisions.length, 10);
    assert.equal(decisions.reduce((sum, { count = 0 }) => sum + count, 0) + counts.overflowed(), 100);
    assert.equal(counts.overflowed(), 0);
  });
});

describe("an audit", () => {
  it("writes ten lines a second and says how many it left out", () => {
    const lines: AuditLine[] = [];
    let time = 0;
    const audit = createAudit({ write: (line) => lines.push(line), now: () => time });
    for (let i = 0; i < 25; i += 1) audit.note("AuthorizationPolicy default/watch", "web", undefined);
    assert.equal(lines.length, 10);
    time = 1_000;
    audit.note("AuthorizationPolicy default/watch", "web", undefined);
    assert.deepEqual([lines.length, lines.at(-1)?.omitted], [11, 15]);
  });
});

describe("what is held in a bounded number", () => {
  it("loses what was used least recently, and counts it", () => {
    const held = createLruCache<number>(2);
    held.set("a", 1);
    held.set("b", 2);
    held.get("a");
    held.peek("b");
    held.set("c", 3);
    assert.deepEqual([held.peek("a"), held.peek("b"), held.peek("c"), held.evicted()], [1, undefined, 3, 1]);
  });
});
