import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clip, escaped, nearest, printable, suggestion } from "@patchbay/model";
import fc from "fast-check";

describe("the nearest name", () => {
  it("is the one with the fewest edits, whatever its case", () => {
    assert.equal(nearest("HTTPROUTE", ["GRPCRoute", "HTTPRoute"]), "HTTPRoute");
    assert.equal(nearest("reqeust", ["response", "request"]), "request");
  });

  it("may differ in two letters when it is short, in a third when it is long", () => {
    assert.equal(nearest("hots", ["host"]), "host");
    assert.equal(nearest("abc", ["xyc"]), undefined);
    assert.equal(nearest("concurrencxyz", ["concurrency"]), "concurrency");
    assert.equal(nearest("deadline", ["protocol"]), undefined);
  });

  it("is suggested, or what is known", () => {
    assert.equal(suggestion("hots", ["host", "path"]), 'did you mean "host"?');
    assert.equal(suggestion("unlike", ["a", "b"]), "known: a, b");
    assert.equal(suggestion("unlike", []), "");
  });
});

describe("text of strangers", () => {
  it("is cut to its length", () => {
    assert.equal(clip("12345", 5), "12345");
    assert.equal(clip("123456", 5), "1234…");
  });

  it("is printed on one line without control characters", () => {
    assert.equal(printable(" a\x1b[2Jb\r\nc\u2028d "), "a [2Jb c d");
    assert.equal(printable("admin\u202etxt.exe"), "admin txt.exe");
    assert.equal(printable("x".repeat(100), 10), "xxxxxxxxx…");
  });

  it("is escaped where every character counts", () => {
    assert.equal(escaped("/\x1b[2J\u202e ü 日本"), "/\\x1b[2J\\u202e ü 日本");
  });

  it("never writes what moves a cursor", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        for (const shown of [printable(text), escaped(text)]) assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        assert.ok(printable(text).length <= 80);
      }),
      { numRuns: 500 },
    );
  });
});
