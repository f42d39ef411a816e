import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AuthorityError, parseAuthority, tryParseAuthority } from "../src/core/authority.ts";
import { formatIp, parseIp } from "../src/core/ip.ts";
import { parseSuffixes } from "../src/core/suffix.ts";

const key = (text: string, namespace?: string) => parseAuthority(text, namespace).key;

describe("an authority", () => {
  it("is one key however it is written", () => {
    for (const text of [
      "users",
      "users:80",
      "USERS.",
      "users.default.svc",
      "users.default.svc.cluster.local",
      "Users.Default.Svc.Cluster.Local.:80",
    ]) {
      assert.equal(key(text), "users.default.svc.cluster.local:80", text);
    }
  });

  it("takes a single label in the client's namespace", () => {
    assert.equal(key("users:8080", "demo"), "users.demo.svc.cluster.local:8080");
  });

  it("leaves other names and addresses as they are", () => {
    assert.equal(key("Example.COM:443"), "example.com:443");
    assert.equal(key("_http._tcp.shop.example"), "_http._tcp.shop.example:80");
    assert.equal(key("10.1.2.3"), "10.1.2.3:80");
    assert.equal(key("[::1]:8080"), "[::1]:8080");
    assert.equal(key("2001:DB8:0:0:0:0:0:1"), "[2001:db8::1]:80");
  });

  it("sees through IPv4 in IPv6 clothes", () => {
    assert.equal(key("[::ffff:169.254.169.254]:80"), "169.254.169.254:80");
    assert.equal(key("[::ffff:a9fe:a9fe]"), "169.254.169.254:80");
  });

  it("knows its shortest form and the service that it may mean", () => {
    const short = (text: string) => parseAuthority(text).shortHost;
    assert.deepEqual(["users", "users.demo.svc", "users.demo", "a.b.default.svc", "example.com"].map(short), [
      "users",
      "users.demo",
      "users.demo",
      "a.b.default",
      "example.com",
    ]);
    assert.deepEqual(parseAuthority("users.demo").service, { name: "users", namespace: "demo" });
    assert.equal(parseAuthority("a.b.default.svc").service, undefined);
  });

  it("is refused with the reason when it cannot be one", () => {
    const cases: readonly [string, RegExp][] = [
      ["", /is empty/],
      ["a".repeat(400), /longer than 320/],
      ["users:0", /port "0"/],
      ["users:65536", /port "65536"/],
      ["users:+80", /port "\+80"/],
      ["users:", /port ""/],
      ["users..demo", /empty label/],
      [".users", /empty label/],
      ["-users", /"-users"/],
      ["us ers", /"us ers"/],
      ["user@users", /"user@users"/],
      ["users/path", /"users\/path"/],
      ["users\r\nhost: evil", /"users\?\?host" has|port/],
      ["bücher.example", /xn--/],
      [`${"a".repeat(64)}.example`, /which no host name can contain/],
      [`${"a.".repeat(130)}example`, /longer than 253/],
      ["127.1", /ends in a number/],
      ["2130706433", /ends in a number/],
      ["0x7f000001", /ends in a number/],
      ["0177.0.0.1", /ends in a number/],
      ["256.1.1.1", /ends in a number/],
      ["[users]:80", /brackets/],
      ["[127.0.0.1]:80", /brackets/],
      ["[::1", /port|no host name/],
      ["fe80::1%eth0", /no host name/],
    ];
    for (const [text, reason] of cases) {
      assert.throws(
        () => parseAuthority(text),
        (error) => error instanceof AuthorityError && reason.test(error.message),
        text,
      );
    }
  });

  it("is its own canonical form, and hostile text never does more than be refused", () => {
    const text = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.stringMatching(/^[a-z0-9.:[\]_-]{0,40}$/),
      fc.ipV4(),
      fc.ipV6(),
    );
    fc.assert(
      fc.property(text, (given) => {
        const parsed = tryParseAuthority(given);
        if (!parsed) return;
        assert.equal(key(parsed.key), parsed.key);
        assert.match(parsed.key, /^(?:[a-z0-9_.-]+|\[[0-9a-f:]+\]):\d+$/);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("an IP literal", () => {
  it("is one exactly when Node thinks so, and is written as RFC 5952 says", () => {
    const text = fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,20}$/));
    fc.assert(
      fc.property(text, (given) => {
        const ip = parseIp(given);
        assert.equal(ip !== undefined, isIPv4(given) || isIPv6(given));
        if (!ip) return;
        const canonical = ip.length === 4 ? given : new URL(`http://[${given}]`).hostname.slice(1, -1);
        assert.equal(formatIp(ip), canonical);
      }),
      { numRuns: 3_000 },
    );
  });
});

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
