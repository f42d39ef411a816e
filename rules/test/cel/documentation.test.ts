import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { compileExpression } from "@patchbay/rules";
import { VARIABLES } from "../../src/cel/variables.ts";

const text = readFileSync(new URL("../../../docs/expressions.md", import.meta.url), "utf8");

describe("docs/expressions.md", () => {
  it("has each name with its type, and no other", () => {
    const rows = [...text.matchAll(/^\| `([a-z_.]+)` \| ([a-z(), ]+) \|/gm)].map(
      ([, name, type]) => `${name}: ${type}`,
    );
    assert.deepEqual(
      rows,
      [...VARIABLES].map(([name, { type }]) => `${name}: ${type}`),
    );
  });

  it("says which names policies may not use", () => {
    for (const [name, { ended = false }] of VARIABLES) {
      const result = compileExpression(`[${name}].size() == 1`, "request");
      assert.equal(result.ok, !ended, name);
    }
    assert.match(text, /`when` may not name `response\.\*`, `request\.size` or `request\.trace_id`/);
  });

  it("shows refusals as they are", () => {
    for (const [, expression = "", column, rest] of text.matchAll(/^(\S.*?) {2,}column (\d+): (.*)$/gm)) {
      const result = compileExpression(expression, "response");
      assert.ok(!result.ok);
      assert.equal(`${result.problem.column}: ${result.problem.message}. ${result.problem.hint}`, `${column}: ${rest}`);
    }
  });
});
