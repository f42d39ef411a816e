import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAuthority } from "@patchbay/model";
import { parseSuffixes } from "../../src/core/suffix.ts";

describe("a suffix of authorities", () => {
  const matches = (suffix: string, text: string) => parseSuffixes([suffix]).matches(parseAuthority(text));

  it("matches on label borders, with or without a port", () => {
    assert.ok(matches("corp.example", "corp.example"));
    assert.ok(matches("corp.example", "db.corp.example:5432"));
    assert.ok(matches(".corp.example", "db.corp.example"));
    assert.ok(matches("*.corp.example", "db.corp.example"));
    assert.ok(matches("corp.example:5432", "db.corp.example:5432"));
    assert.ok(!matches("corp.example:5432", "db.corp.example:80"));
    assert.ok(!matches("corp.example", "mycorp.example"));
    assert.ok(!matches("corp.example", "corp.example.org"));
  });

  it("matches mesh names in their short and their full form", () => {
    assert.ok(matches("users", "users"));
    assert.ok(matches("demo", "users.demo.svc"));
    assert.ok(matches("demo.svc.cluster.local", "users.demo.svc"));
    assert.ok(!matches("users", "other-users"));
  });

  it("matches everything when there is none", () => {
    assert.ok(parseSuffixes([]).matches(parseAuthority("example.com")));
  });
});
