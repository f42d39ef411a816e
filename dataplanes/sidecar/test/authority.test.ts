import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAuthority, serviceHost } from "../src/core/routing/authority.ts";

describe("authorities", () => {
  const canonical: readonly (readonly [string, string, string])[] = [
    ["users", "users.default.svc.cluster.local:80", "users"],
    ["Users:80", "users.default.svc.cluster.local:80", "users"],
    ["users:8080", "users.default.svc.cluster.local:8080", "users"],
    ["users.demo.svc", "users.demo.svc.cluster.local:80", "users.demo"],
    ["users.demo.svc.cluster.local.:81", "users.demo.svc.cluster.local:81", "users.demo"],
    ["hello.my-resolver", "hello.my-resolver:80", "hello.my-resolver"],
    ["Example.COM:443", "example.com:443", "example.com"],
    ["10.1.2.3", "10.1.2.3:80", "10.1.2.3"],
    ["[::1]:9000", "[::1]:9000", "::1"],
    ["fe80::1", "[fe80::1]:80", "fe80::1"],
    ["my_service", "my_service.default.svc.cluster.local:80", "my_service"],
  ];
  for (const [text, key, name] of canonical) {
    test(`${text} is ${key}, called ${name}`, () => {
      const authority = parseAuthority(text, "default");
      assert.equal(authority?.canonical, key);
      assert.equal(authority?.name, name);
    });
  }

  test("a single label is taken in the client's namespace", () => {
    assert.equal(parseAuthority("users", "demo")?.canonical, "users.demo.svc.cluster.local:80");
    assert.equal(parseAuthority("users", "demo")?.name, "users.demo");
  });

  for (const text of [
    "",
    ":80",
    "users:0",
    "users:65536",
    "users:abc",
    "a b",
    "users..demo",
    "-x",
    "http://users",
    "[::1",
    "[1.2.3.4]:80",
    "a/b",
    `${"a".repeat(64)}`,
    "user@host",
  ]) {
    test(`${JSON.stringify(text)} is none`, () => assert.equal(parseAuthority(text, "default"), undefined));
  }

  test("addresses, names of the mesh and names outside are told apart", () => {
    const texts = ["10.0.0.1", "[::1]:1", "users", "a.b.svc", "a.b", "300.1.1.1"];
    const forms = texts.map((text) => parseAuthority(text, "default")?.form);
    assert.deepEqual(forms, ["ip", "ip", "mesh", "mesh", "outside", "outside"]);
  });

  test("a service is meant by its name, with its namespace, or in full, and never by an address or a longer host", () => {
    const texts = ["users", "users.demo:8080", "users.demo.svc", "10.0.0.1", "a.b.example", "a_b.c"];
    const hosts = texts.map((text) => {
      const authority = parseAuthority(text, "default");
      return authority && serviceHost(authority);
    });
    const demo = "users.demo.svc.cluster.local";
    assert.deepEqual(hosts, ["users.default.svc.cluster.local", demo, demo, undefined, undefined, undefined]);
  });
});
