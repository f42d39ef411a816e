import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  identityOf,
  isSpiffeId,
  parseSpiffeId,
  parseWorkloadName,
  readIdentity,
  spiffeId,
  workloadName,
} from "../src/index.ts";

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);

describe("a SPIFFE ID", () => {
  it("printed is read as the same workload", () => {
    fc.assert(
      fc.property(label, label, fc.domain(), (namespace, name, domain) => {
        const trustDomain = domain.toLowerCase();
        assert.deepEqual(parseSpiffeId(spiffeId({ namespace, name }, trustDomain)), { trustDomain, namespace, name });
      }),
    );
  });

  it("is a workload's only in the one form that has no escapes", () => {
    for (const id of [
      "spiffe://cluster.local/users",
      "spiffe://cluster.local/ns/Default/sa/users",
      "spiffe://cluster.local/ns//sa/users",
      "spiffe://cluster.local/ns/default/sa/users/",
      "spiffe://cluster.local/ns/default/sa/us%65rs",
      "spiffe://cluster.local:80/ns/default/sa/users",
      "spiffe://user@cluster.local/ns/default/sa/users",
      "SPIFFE://cluster.local/ns/default/sa/users",
      "https://cluster.local/ns/default/sa/users",
      " spiffe://cluster.local/ns/default/sa/users",
    ]) {
      assert.equal(parseSpiffeId(id), undefined, id);
      assert.deepEqual(identityOf(id), { identity: id, namespace: "", service: "" });
    }
  });

  it("of a name with dots has its namespace, and is never called as another workload", () => {
    const dotted = parseSpiffeId("spiffe://cluster.local/ns/default/sa/users.demo");
    assert.deepEqual(dotted, { trustDomain: "cluster.local", namespace: "default", name: "users.demo" });
    assert.notEqual(workloadName(dotted), workloadName({ namespace: "demo", name: "users" }));
    assert.equal(parseWorkloadName(workloadName(dotted)), undefined);
  });

  it("may be another one than a workload's", () => {
    assert.ok(isSpiffeId("spiffe://example.org/anything/at.all"));
    for (const none of ["spiffe://example.org", "spiffe://example.org/", "spiffe:///a", "spiffe://a/b c", "x"])
      assert.ok(!isSpiffeId(none), none);
  });

  it("is written short as a workload's name, and empty is no proof", () => {
    assert.equal(readIdentity("web"), "spiffe://cluster.local/ns/default/sa/web");
    assert.equal(readIdentity("web.staging"), "spiffe://cluster.local/ns/staging/sa/web");
    assert.equal(readIdentity("spiffe://example.org/a"), "spiffe://example.org/a");
    assert.equal(readIdentity(""), "");
    for (const none of ["a.b.c", "web.", "spiffe://", "we b"]) assert.equal(readIdentity(none), undefined, none);
  });
});
