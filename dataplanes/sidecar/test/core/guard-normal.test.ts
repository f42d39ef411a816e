import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isForwardedIdentity, normalizePath } from "@patchbay/model";
import fc from "fast-check";
import { normalizeHead } from "../../src/core/http/normal-head.ts";
import { readRequestFields } from "../../src/core/http/request-head.ts";

function headOf(path: string, authority = "users:8080") {
  return { ...readRequestFields([], "1.1"), method: "GET", path, authority };
}

describe("what comes in", () => {
  const paths: readonly (readonly [string, string])[] = [
    ["/admin", "/admin"],
    ["/%61dmin", "/admin"],
    ["/%61%64min?x=%61", "/admin?x=%61"],
    ["//admin", "/admin"],
    ["/x/../admin", "/admin"],
    ["/./admin", "/admin"],
    ["/x/%2e%2E/admin", "/admin"],
    ["/../../admin", "/admin"],
    ["/admin/", "/admin/"],
    ["/a%2fb", "/a%2Fb"],
    ["/caf%c3%a9", "/caf%C3%A9"],
    ["/.well-known/x", "/.well-known/x"],
    ["*", "*"],
    ["/?a=//b/../c", "/?a=//b/../c"],
  ];
  for (const [sent, seen] of paths)
    it(`is decided on and passed on as ${seen} when ${sent} is sent`, () => {
      assert.equal(normalizeHead(headOf(sent), "inbound").path, seen);
    });

  it("has the path that rules normalise to, whatever it is, and normalising again changes nothing", () => {
    const piece = fc.constantFrom(
      "/",
      "//",
      ".",
      "..",
      "%2e",
      "%2F",
      "%61",
      "a",
      "B",
      "~",
      "?",
      "%",
      "%zz",
      "\\",
      ";",
      "é",
      "[",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const once = normalizeHead(headOf(`/${pieces.join("")}`), "inbound").path;
        assert.equal(once, normalizePath(`/${pieces.join("")}`).path);
        assert.equal(normalizeHead(headOf(once), "inbound").path, once);
      }),
    );
  });

  it("costs nothing when there is nothing to change", () => {
    const head = headOf("/users/42?q=a%20b");
    assert.equal(normalizeHead(head, "inbound"), head);
  });
});

describe("hosts", () => {
  const hosts: readonly (readonly [string, string])[] = [
    ["Users", "users"],
    ["users.", "users"],
    ["USERS.Default.svc.:8080", "users.default.svc:8080"],
    ["users:8080", "users:8080"],
    ["users:", "users"],
    ["Users.:", "users"],
    ["[::1]:80", "[::1]:80"],
  ];
  for (const [sent, seen] of hosts)
    it(`${sent} is ${seen}, in both directions`, () => {
      assert.equal(normalizeHead(headOf("/", sent), "inbound").authority, seen);
      assert.equal(normalizeHead(headOf("/", sent), "outbound").authority, seen);
    });

  it("leave the path of what the program sends as it is", () => {
    assert.equal(normalizeHead(headOf("/https://example.com", "Archive"), "outbound").path, "/https://example.com");
  });
});

describe("fields by which a client claims something", () => {
  const claims = [
    "l5d-client-id",
    "L5D-Dst-Override",
    "mesh-policy",
    "Mesh-Source",
    "x-envoy-internal",
    "X-Envoy-External-Address",
    "x-envoy-original-dst-host",
    "x-envoy-peer-metadata-id",
  ];
  for (const name of claims)
    it(`${name} is not passed on`, () => {
      assert.deepEqual(readRequestFields([name, "me"], "1.1").headers, []);
    });

  const others = [
    "x-envoy-retry-on",
    "x-envoy-upstream-rq-timeout-ms",
    "x-request-id",
    "x-env",
    "mesh",
    "meshed-with",
    "l5dx",
    "link",
    "message-id",
    "",
  ];
  for (const name of others)
    it(`${name || "an empty name"} is none`, () => {
      assert.equal(isForwardedIdentity(name), false);
    });
});
