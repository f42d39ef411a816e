import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readRequest } from "../../src/commands/explain/request-text.ts";
import { CliError } from "../../src/errors.ts";
import { parseHeader } from "../../src/parse-options.ts";

const usual = { method: "GET", path: "/", source: "", headers: {} };

describe("a request that is to be explained", () => {
  it("is written as method, service with path, and who calls", () => {
    assert.deepEqual(readRequest("GET users/cart?x=1 from web"), {
      ...usual,
      authority: "users",
      path: "/cart?x=1",
      source: "web",
    });
  });

  it("needs only the service", () => {
    assert.deepEqual(readRequest("users.production:8080"), { ...usual, authority: "users.production:8080" });
    assert.deepEqual(readRequest("post http://users/a"), { ...usual, method: "POST", authority: "users", path: "/a" });
  });

  it("takes a line of tap", () => {
    const line = { method: "POST", authority: "users", path: "/a", source: { identity: "spiffe://x/ns/a/sa/web" } };
    assert.deepEqual(readRequest(`${JSON.stringify(line)}\n`), {
      ...usual,
      method: "POST",
      authority: "users",
      path: "/a",
      source: "spiffe://x/ns/a/sa/web",
    });
  });

  it("takes what a tapped line shows of headers, and knows a gRPC call by its protocol", () => {
    const requestHeaders = [
      { name: "x-tenant", value: "blue" },
      { name: "authorization", value: "<redacted>" },
    ];
    const line = { method: "POST", authority: "users", path: "/a.B/C", protocol: "grpc", requestHeaders };
    assert.deepEqual(readRequest(JSON.stringify(line), { "x-tenant": "red" }).headers, {
      "content-type": "application/grpc",
      "x-tenant": "red",
    });
    assert.deepEqual(readRequest(JSON.stringify(line)).headers["x-tenant"], "blue");
  });

  for (const text of ["", "GET users from", "{}", "{", "GET users/a b c"]) {
    it(`refuses ${JSON.stringify(text)} and shows how`, () => {
      assert.throws(
        () => readRequest(text),
        (error) => error instanceof CliError && /Write it like/.test(error.message),
      );
    });
  }

  it("quotes only the first line of what was piped into it", () => {
    assert.throws(
      () => readRequest("looking at 1 proxy\nand more\n"),
      (error) => error instanceof CliError && error.message.startsWith('"looking at 1 proxy" is no request'),
    );
  });

  it("has headers, each name once in lower case", () => {
    assert.deepEqual(parseHeader("X-Tenant: blue", { a: "1" }), { a: "1", "x-tenant": "blue" });
    assert.throws(() => parseHeader("no header"), /such as/);
  });
});
