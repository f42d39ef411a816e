import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AUTHORITY_CASES, ODD_AUTHORITY_CASES } from "@patchbay/testkit";
import fc from "fast-check";
import {
  type Authority,
  AuthorityError,
  parseAuthority,
  parseServiceHost,
  parseWorkloadName,
  serviceHost,
  serviceKey,
  tryParseAuthority,
  workloadName,
} from "../src/index.ts";

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const service = fc.tuple(label, label).map(([namespace, name]) => ({ namespace, name }));
const text = fc.oneof(
  fc.string({ maxLength: 60, unit: "binary" }),
  fc.stringMatching(/^[A-Za-z0-9.:[\]_-]{0,40}$/),
  fc.stringMatching(/^[a-z0-9_]{1,5}(\.[a-z0-9_]{1,5}){0,3}(\.svc(\.cluster\.local)?)?\.?(:\d{0,5})?$/),
  fc.domain(),
  fc.ipV4(),
  fc.ipV6().map((ip) => `[${ip}]`),
);

describe("an authority", () => {
  for (const { text: given, namespace, rule, means } of [...AUTHORITY_CASES, ...ODD_AUTHORITY_CASES]) {
    const name = JSON.stringify(given.slice(0, 40));
    it(`${name} ${means === undefined ? "is refused" : `is ${means.key.slice(0, 60)}`} (${rule})`, () => {
      const parsed = tryParseAuthority(given, namespace);
      assert.deepEqual(parsed && meaningOf(parsed), means);
    });
  }

  it("is refused with the reason", () => {
    const cases: readonly [string, RegExp][] = [
      ["", /is empty/],
      ["a".repeat(400), /longer than 320/],
      [`${"a.".repeat(130)}example`, /longer than 253/],
      ["users:65536", /port "65536"/],
      ["users:+80", /port "\+80"/],
      ["users..demo", /empty label/],
      ["user@users", /"user@users"/],
      ["us\r\ners", /"us ers"/],
      ["bücher.example", /xn--/],
      ["127.1", /ends in a number/],
      ["[users]:80", /brackets/],
      ["::1", /write an IPv6 address in brackets/],
    ];
    for (const [given, reason] of cases)
      assert.throws(
        () => parseAuthority(given),
        (error) => error instanceof AuthorityError && reason.test(error.message),
        given,
      );
  });

  it("printed is read as the same one, in every namespace", () => {
    fc.assert(
      fc.property(text, label, label, (given, namespace, another) => {
        const parsed = tryParseAuthority(given, namespace);
        if (parsed === undefined) return;
        assert.deepEqual(tryParseAuthority(parsed.key, another), parsed);
        assert.match(parsed.key, /^(?:[a-z0-9_.-]+|\[[0-9a-f:]+\]):\d+$/);
      }),
      { numRuns: 5_000 },
    );
  });

  it("has a short form that means the same service, and only then that of another host", () => {
    fc.assert(
      fc.property(text, (given) => {
        const parsed = tryParseAuthority(given);
        if (parsed === undefined || parsed.kind === "ip") return;
        if (parsed.service === undefined) assert.equal(parseAuthority(parsed.shortHost).host, parsed.host);
        else assert.deepEqual(parseWorkloadName(parsed.shortHost), parsed.service);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("a service", () => {
  it("printed as a host, a key or a short name is read as the same one", () => {
    fc.assert(
      fc.property(service, (given) => {
        assert.deepEqual(parseServiceHost(serviceHost(given)), given);
        assert.deepEqual(parseWorkloadName(workloadName(given)), given);
        assert.deepEqual(tryParseAuthority(serviceHost(given))?.service, given);
      }),
    );
  });

  it("is named by one or two DNS labels", () => {
    assert.deepEqual(parseWorkloadName("users"), { namespace: "default", name: "users" });
    assert.deepEqual(parseWorkloadName("users.demo"), { namespace: "demo", name: "users" });
    for (const none of ["", "api.example.com", "10.0.0.1", "::1", "my_svc", "Users", "a.", ".a"])
      assert.equal(parseWorkloadName(none), undefined, none);
  });
});

function meaningOf({ key, shortHost, service: found }: Authority) {
  return { key, short: shortHost, service: found === undefined ? "" : serviceKey(found) };
}
