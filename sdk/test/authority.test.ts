import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAuthority } from "../src/model/authority.ts";

test("a service of the mesh has one canonical form, however it was written", () => {
  const users = {
    host: "users",
    port: 80,
    name: "users",
    namespace: "default",
    full: "users.default.svc.cluster.local:80",
  };
  for (const text of ["users", "USERS:80", "users.", "users.default.svc", "users.default.svc.cluster.local.:80"]) {
    assert.deepEqual(parseAuthority(text), users, text);
  }
});

test("another namespace stays in the short form", () => {
  assert.deepEqual(parseAuthority("users.demo.svc:8080"), {
    host: "users.demo",
    port: 8080,
    name: "users",
    namespace: "demo",
    full: "users.demo.svc.cluster.local:8080",
  });
});

test("names outside the mesh and addresses stay as they are", () => {
  assert.deepEqual(parseAuthority("db.example.com:5432"), {
    host: "db.example.com",
    port: 5432,
    name: "db.example.com",
    namespace: "",
    full: "db.example.com:5432",
  });
  assert.equal(parseAuthority("10.0.0.1")?.full, "10.0.0.1:80");
  assert.equal(parseAuthority("[fd00::1]:81")?.full, "[fd00::1]:81");
  assert.equal(parseAuthority("fd00::1")?.full, "[fd00::1]:80");
});

test("what cannot be an authority is none", () => {
  for (const text of ["", " ", "http://users/", "users:0", "users:70000", "a b", ".", "users:port", "x".repeat(254)]) {
    assert.equal(parseAuthority(text), undefined, JSON.stringify(text));
  }
});
