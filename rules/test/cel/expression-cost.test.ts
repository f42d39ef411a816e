import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compileExpression, compilePattern, RuleError } from "@patchbay/rules";
import fc from "fast-check";
import { expressions } from "../support/arbitrary-expression.ts";
import { requestFacts, responseFacts } from "../support/facts.ts";

function whyNot(text: string): string {
  const result = compileExpression(text, "request");
  return result.ok ? "" : result.problem.message;
}

describe("the cost of an expression", () => {
  it("is bounded when it is loaded", () => {
    assert.match(whyNot(`request.path == "${"x".repeat(2_100)}"`), /longer than 2048 bytes/);
    assert.match(whyNot(Array.from({ length: 60 }, () => "1 == 1").join(" && ")), /more than 200 parts/);
    assert.match(whyNot(`${"(".repeat(17)}true${")".repeat(17)}`), /nested more than 16 deep/);
    assert.match(whyNot(`${"[".repeat(500)}${"]".repeat(500)} == []`), /nested more than 16 deep/);
    assert.match(whyNot(`${"!".repeat(999)}true`), /nested|parts|cannot be read|^$/);
    assert.match(whyNot(`${"true ? true : ".repeat(20)}true`), /nested more than 16 deep/);
    assert.match(whyNot("[1].all(x, [1].all(y, x == y))"), /loop within a loop/);
    assert.match(whyNot("[1].all(x, true) && [1].all(x, true) && [1].all(x, true)"), /more than 2 loops/);
    assert.match(
      whyNot(`request.path == ${Array.from({ length: 12 }, () => "request.path").join(" + ")}`),
      /joins more than 8 times/,
    );
    assert.match(whyNot("request.headers.map(h, h + h).size() > 0"), /joins texts in a loop/);
  });

  it("does not depend on patterns that a request brings", () => {
    assert.match(whyNot("request.path.matches(request.query)"), /needs a text that is written out/);
    assert.match(whyNot('request.path.matches("(a")'), /no regular expression in RE2 syntax/);
    assert.match(whyNot('request.path.matches("(?=a)")'), /no regular expression in RE2 syntax/);
    assert.match(whyNot(`request.path.matches("${"a".repeat(257)}")`), /at most 256 characters/);
    assert.match(whyNot('request.path.matches("(.{0,300}[bc]){1,3}$")'), /too costly/);
  });

  it("stays small for texts on which backtracking engines never end", () => {
    const result = compileExpression('request.path.matches("^(a+)+$") || request.path.matches("(a|a)*b$")', "request");
    assert.ok(result.ok);
    const path = `/${"a".repeat(50_000)}!`;
    assert.equal(result.expression.matches(requestFacts({ path })), false);
    assert.equal(compilePattern("(.*)*x").testWhole(path), false);
    assert.throws(() => compilePattern("\\1"), RuleError);
  });

  it("stays small for patterns that would make a state for each character", () => {
    const text = 'request.path.matches("[ab]*a[ab]{100}[cd]")';
    const result = compileExpression(text, "request");
    assert.ok(result.ok);
    const { expression } = result;
    assert.equal(expression.matches(requestFacts({ path: `/${"ab".repeat(60)}bc` })), true);
    const path = `/${Array.from({ length: 15_000 }, (_, i) => (Math.sin(i * i) > 0 ? "a" : "b")).join("")}`;
    assert.throws(() => expression.matches(requestFacts({ path })), /too long for the regular expression/);
    assert.equal(expression.matches(requestFacts({ path: `/${"ab".repeat(60)}bc` })), true, "short texts go on");
    assert.equal(compilePattern("(?i)/[a-z0-9]+(?:/[0-9]+){3}").testWhole(`/${"x1".repeat(7_000)}/1/2/3`), true);
    const many = Array.from({ length: 5 }, (_, i) => `h.matches("${i}")`).join(" || ");
    assert.match(whyNot(`request.headers.exists(h, ${many})`), /more than 4 regular expressions in loops/);
  });

  it("looks headers up in a loop as outside of one", () => {
    const headers = Array.from({ length: 20 }, (_, i) => [`X-${i}`, String(i)]).flat();
    const result = compileExpression('request.headers.exists(h, request.headers[h] == "19")', "request");
    assert.ok(result.ok && result.expression.matches(requestFacts({ headers: [...headers] })));
  });

  it("is a refusal or an answer for any text at all, never a crash", () => {
    const word = fc.constantFrom(
      "request",
      ".path",
      ".headers",
      "[",
      "]",
      "(",
      ")",
      '"a"',
      "==",
      "&&",
      "||",
      "!",
      "?",
      ":",
      "1",
      "1.5",
      ".all(x,",
      "x",
      "+",
      "-",
      "in",
      "has(",
      ".matches(",
      "response.code",
      "'",
      "\\",
      "{",
      "}",
      "\n",
      "//",
      "r'''",
      "\u0000",
    );
    const texts = fc.oneof(
      fc.array(word, { maxLength: 20 }).map((words) => words.join(" ")),
      fc.string(),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const result = compileExpression(text, "response");
        if (result.ok) return;
        const { column, message } = result.problem;
        assert.ok(
          message !== "" && column >= 1 && column <= text.length + 1,
          `${column} of ${text.length}: ${message}`,
        );
      }),
      { numRuns: 500 },
    );
  });

  it("is never spent on what could have been refused: whatever was loaded fits the types at every request", () => {
    const facts = requestFacts({ headers: ["Accept", "a", "host", "b"] });
    const ordinary = /^field not found|out of (?:range|bounds)|overflow|divi|modul|index|cannot|invalid|no such/i;
    fc.assert(
      fc.property(expressions, (text) => {
        const result = compileExpression(text, "response");
        if (!result.ok) return;
        try {
          assert.equal(typeof result.expression.matches(facts, responseFacts()), "boolean");
        } catch (error) {
          assert.match(error instanceof Error ? error.message : "", ordinary, text);
        }
      }),
      { numRuns: 500 },
    );
  });
});
