import assert from "node:assert/strict";
import { test } from "node:test";
import { absent, empty, endpoints, PluginMistake, permanent, RetryError, retry, rewrite, split } from "../src/index.ts";

/** Calls a constructor with what its types forbid. */
function call(make: (...values: never[]) => unknown, ...values: unknown[]): unknown {
  return Reflect.apply(make, undefined, values);
}

test("endpoints are written as text or as objects and are equal then", () => {
  assert.deepEqual(endpoints(["10.0.0.1:80"]), endpoints([{ address: "10.0.0.1", port: 80 }]));
  assert.deepEqual(endpoints(["[fd00::1]:8080"]).endpoints, [{ address: "fd00::1", port: 8080 }]);
});

test("an endpoint keeps what it says about itself", () => {
  const full = {
    address: "10.0.0.1",
    port: 80,
    weight: 3,
    zone: "a",
    labels: { rack: "7" },
    protocol: "http2",
    identity: "spiffe://cluster.local/ns/default/sa/users",
  } as const;
  assert.deepEqual(endpoints([full]).endpoints, [full]);
});

test("endpoints come from anything that can be iterated", () => {
  assert.equal(endpoints(new Set(["10.0.0.1:1", "10.0.0.2:1"])).endpoints.length, 2);
});

for (const [what, value, message] of [
  ["a Promise", Promise.resolve([]), /got a Promise.*Await it/],
  ["a single text", "10.0.0.1:80", /not a list/],
  ["an empty list", [], /Yield empty\(\)/],
  ["a name", ["users:80"], /the address "users".*rewrite\("name:port"\)/],
  ["an address without a port", ["10.0.0.1"], /has no port/],
  ["a bare IPv6 address", ["fd00::1"], /has no port.*\[fd00::1\]/],
  ["port 0", ["10.0.0.1:0"], /endpoint 0 is "10\.0\.0\.1:0"/],
  ["a port above 65535", [{ address: "10.0.0.1", port: 65_536 }], /the port 65536/],
  ["no port", [{ address: "10.0.0.1" }], /the port undefined/],
  ["a Promise inside", ["10.0.0.1:1", Promise.resolve("10.0.0.2:1")], /endpoint 1 is a Promise/],
  ["a weight of 0", [{ address: "10.0.0.1", port: 1, weight: 0 }], /the weight 0/],
  ["labels that are no texts", [{ address: "10.0.0.1", port: 1, labels: { a: 1 } }], /the labels/],
  ["a misspelt protocol", [{ address: "10.0.0.1", port: 1, protocol: "htp2" }], /Did you mean "http2"\?/],
  [
    "a misspelt field",
    [{ address: "10.0.0.1", port: 1, wieght: 2 }],
    /unknown field "wieght"\. Did you mean "weight"\?/,
  ],
  ["an identity that is no SPIFFE ID", [{ address: "10.0.0.1", port: 1, identity: "users" }], /SPIFFE ID/],
  ["undefined", undefined, /got undefined/],
] as const) {
  test(`endpoints() refuses ${what}, with the place in the author's file`, () => {
    assert.throws(
      () => call(endpoints, value),
      (error) => {
        assert.ok(error instanceof PluginMistake);
        assert.match(error.message, message);
        assert.match(error.place ?? "", /answers\.test\.ts:\d+:\d+/);
        return true;
      },
    );
  });
}

test("endpoints() refuses more than 10,000", () => {
  const many = Array.from({ length: 10_001 }, (_, index) => `10.0.${index >> 8}.${index & 255}:80`);
  assert.equal(endpoints(many.slice(1)).endpoints.length, 10_000);
  assert.throws(() => endpoints(many), /more than 10,000/);
});

test("the other answers are plain values", () => {
  assert.deepEqual(empty(), { kind: "empty" });
  assert.deepEqual(absent(), { kind: "absent" });
  assert.deepEqual(absent({ ttl: "1s500ms" }), { kind: "absent", ttlMs: 1_500 });
  assert.deepEqual(absent({ ttl: 20 }), { kind: "absent", ttlMs: 20 });
  assert.deepEqual(rewrite("web"), { kind: "rewrite", authority: "web" });
  const targets = [
    { authority: "a", weight: 1 },
    { authority: "b:8080", weight: 0 },
  ];
  assert.deepEqual(split(targets), { kind: "split", targets });
});

test("the other answers refuse what they cannot mean", () => {
  assert.throws(() => call(absent, { ttl: "soon" }), /absent\(\{ ttl \}\) is "soon", which is not a duration/);
  assert.throws(() => rewrite("http://web/"), /no authority/);
  assert.throws(() => rewrite("web:99999"), /no authority/);
  assert.throws(() => split([]), /needs 1 to 64 targets/);
  assert.throws(() => split([{ authority: "a", weight: 0 }]), /only weights of 0/);
  assert.throws(() => split([{ authority: "a", weight: 0.5 }]), /the weight 0\.5/);
  assert.throws(() => call(split, [{ weight: 1 }]), /target 0 of split\(\) got undefined/);
});

test("errors say whether trying again helps", () => {
  assert.equal(permanent("closed").message, "closed");
  const error = retry("5s", "the database restarts");
  assert.ok(error instanceof RetryError);
  assert.equal(error.afterMs, 5_000);
  assert.equal(error.message, "the database restarts");
  assert.equal(retry("9h").afterMs, 3_600_000, "at most an hour");
});
