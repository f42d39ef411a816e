import assert from "node:assert/strict";
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { describe, it } from "node:test";
import { FORBIDDEN_ADDRESSES } from "@patchbay/testkit";
import fc from "fast-check";
import { isLoopback, parseCidr, parseIp, whyForbidden, whyNeverEndpoint } from "../src/index.ts";

describe("an IP literal", () => {
  it("is one exactly when Node thinks so, has no zone, and is written as RFC 5952 says", () => {
    const text = fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,20}$/));
    fc.assert(
      fc.property(text, (given) => {
        const ip = parseIp(given);
        assert.equal(ip !== undefined, isIPv4(given) || isIPv6(given));
        if (ip === undefined) return;
        assert.deepEqual(parseIp(ip.text), ip);
        assert.equal(parseIp(ip.plain)?.plain, ip.plain);
      }),
      { numRuns: 3_000 },
    );
    for (const none of [
      "localhost",
      "127.1",
      "2130706433",
      "0x7f.0.0.1",
      "127.0.0.01",
      "[::1]",
      "fe80::1%lo",
      "",
      "127.0.0.1.",
    ])
      assert.equal(parseIp(none), undefined, none);
  });

  it("is loopback in whatever spelling", () => {
    for (const text of ["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1"]) {
      const ip = parseIp(text);
      assert.ok(ip && isLoopback(ip), text);
    }
  });
});

describe("a block of addresses", () => {
  it("contains exactly what Node's block list contains of its family", () => {
    const cidr = fc.oneof(
      fc.tuple(fc.ipV4(), fc.nat({ max: 32 })).map(([ip, prefix]) => ({ ip, prefix, family: "ipv4" as const })),
      fc.tuple(fc.ipV6(), fc.nat({ max: 128 })).map(([ip, prefix]) => ({ ip, prefix, family: "ipv6" as const })),
    );
    fc.assert(
      fc.property(cidr, fc.oneof(fc.ipV4(), fc.ipV6()), fc.boolean(), ({ ip, prefix, family }, other, same) => {
        const probe = same ? ip : other;
        const list = new BlockList();
        list.addSubnet(ip, prefix, family);
        const block = parseCidr(`${ip}/${prefix}`);
        const parsed = parseIp(probe);
        assert.ok(block && parsed);
        const sameFamily = probe.includes(":") === (family === "ipv6");
        assert.equal(block.contains(parsed), sameFamily && list.check(probe, family));
        assert.equal(parseCidr(block.text)?.text, block.text);
      }),
      { numRuns: 2_000 },
    );
    for (const none of ["10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0/", "10.0/8", "::/129", "x", ""])
      assert.equal(parseCidr(none), undefined, none);
  });
});

describe("forbidden addresses", () => {
  it("are neither connected to nor announced, in whatever form", () => {
    for (const text of FORBIDDEN_ADDRESSES) {
      const ip = parseIp(text);
      assert.ok(ip && whyForbidden(ip) !== undefined && whyNeverEndpoint(ip) !== undefined, text);
    }
  });

  it("are no others", () => {
    for (const text of [
      "127.0.0.1",
      "::1",
      "10.0.0.1",
      "8.8.8.8",
      "fd00::1",
      "2001:db8::1",
      "169.253.0.1",
      "223.255.255.255",
    ]) {
      const ip = parseIp(text);
      assert.ok(ip && whyForbidden(ip) === undefined && whyNeverEndpoint(ip) === undefined, text);
    }
  });

  it("of IPv4 addresses in IPv6: connected to behind NAT64, but no endpoint's spelling", () => {
    for (const text of ["64:ff9b::808:808", "::ffff:10.0.0.1", "2002:808:808::1"]) {
      const ip = parseIp(text);
      assert.ok(ip && whyForbidden(ip) === undefined, text);
      assert.match(whyNeverEndpoint(ip) ?? "", /write it as IPv4/);
    }
  });
});
