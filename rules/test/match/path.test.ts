import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { normalizePath } from "@patchbay/model";
import fc from "fast-check";

/** What a client may send, with much of what normalisation is about. */
const paths = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "/",
        "//",
        ".",
        "..",
        "%2e",
        "%2E",
        "%2f",
        "%5c",
        "\\",
        "%",
        "%zz",
        "%41",
        "%00",
        ";",
        "..;",
        "?",
        "#",
        "é",
        "€",
        "😀",
        "\ud800",
        " ",
        "\n",
        "a",
        "A",
        "%25",
        "%252e",
      ),
      fc.string({ maxLength: 3, unit: "binary" }),
    ),
    { maxLength: 14 },
  )
  .map((parts) => parts.join(""));

describe("the normal form of a path", () => {
  it("removes dot segments however they are spelt", () => {
    for (const path of ["/admin", "/x/../admin", "/x/%2e%2E/admin", "//admin", "/./admin", "/%61dmin", "/..//../admin"])
      assert.equal(normalizePath(path).path, "/admin", path);
    assert.equal(normalizePath("/a/b/..").path, "/a/");
    assert.equal(normalizePath("/a/.").path, "/a/");
  });

  it("says where servers would see dots that it leaves", () => {
    for (const path of ["/a/..;/admin", "/a/..%3b/admin", "/a/.;x/admin"])
      assert.equal(normalizePath(path).ambiguous, true, path);
  });

  it("keeps the query as it is, and calls it by its name", () => {
    const { path, bare, query } = normalizePath("/a/../users?next=/../x&y=%2e");
    assert.deepEqual(
      { path, bare, query },
      { path: "/users?next=/../x&y=%2e", bare: "/users", query: "next=/../x&y=%2e" },
    );
    assert.equal(normalizePath("/users?").path, "/users?");
  });

  it("keeps escapes that mean something else than their character, in upper case", () => {
    assert.equal(normalizePath("/a%2fb%3f%c3%a4").path, "/a%2Fb%3F%C3%A4");
    assert.equal(normalizePath("/100%").path, "/100%25");
  });

  it("encodes bytes that may not stand in a path, so that raw and encoded are one", () => {
    assert.equal(normalizePath("/\u00c3\u00a4 |").path, normalizePath("/%C3%A4%20%7C").path);
    assert.equal(normalizePath("/admin#x").path, "/admin%23x");
  });

  it("marks what servers read differently", () => {
    for (const path of [
      "/a%2Fb",
      "/a%2fb",
      "/a\\b",
      "/a%5cb",
      "/a%00",
      "/%c0%ae%c0%ae/a",
      "/..;/admin",
      "/x/.;v=1/admin",
    ])
      assert.ok(normalizePath(path).ambiguous, path);
    for (const path of ["/", "/a.b/c..d", "/a;v=1/b", "/100%25", "/a?x=%2F"])
      assert.ok(!normalizePath(path).ambiguous, path);
  });

  it("leaves * of OPTIONS", () => assert.equal(normalizePath("*").path, "*"));

  it("is the same when it is made again, whatever came", () => {
    fc.assert(
      fc.property(paths, (path) => {
        const once = normalizePath(path);
        assert.deepEqual(normalizePath(once.path), once);
      }),
      { numRuns: 1_000 },
    );
  });

  it("holds nothing that leads elsewhere, whatever came", () => {
    fc.assert(
      fc.property(paths, (path) => {
        const { bare } = normalizePath(path);
        assert.ok(bare.startsWith("/") || bare === "*", bare);
        assert.doesNotMatch(bare, /\/\/|\/\.\.?(?:\/|$)|%2[eE]|%[^0-9A-F]|[^\x21-\x7e]|[\\#?]/);
      }),
      { numRuns: 1_000 },
    );
  });

  it("takes a long path in no time to speak of", () => {
    for (const part of ["/..", "/a/../", "%2e", "//", "\\", "/.;"]) assert.ok(normalizePath(part.repeat(20_000)).bare);
  });
});
