import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Clock } from "@patchbay/model";
import { parseAuthority } from "@patchbay/model";
import { createFakeClock, eventually } from "@patchbay/testkit";
import { systemClock } from "@patchbay/wire";
import type { Answer } from "../../src/core/answer.ts";
import { anyClient } from "../../src/core/client-key.ts";
import type { ResolverEvent } from "../../src/core/query.ts";
import { createDns } from "../../src/sources/dns.ts";
import { createDnsLookup } from "../../src/sources/dns-lookup.ts";
import { type DnsServer, startDnsServer, type Zone } from "../support/dns-server.ts";

function resolver(server: DnsServer, minTtlMs = 50, clock: Clock = systemClock) {
  return createDns({
    lookup: createDnsLookup({ servers: [server.address], timeoutMs: 500, defaultTtlMs: minTtlMs }),
    deadlineMs: 1_000,
    staleForMs: 60_000,
    minTtlMs,
    maxTtlMs: 60_000,
    retryMinMs: 20,
    retryMaxMs: 100,
    clock,
    forbids: ({ text }, port) => (text === "127.0.0.1" && port === 4140 ? "the control plane's own" : undefined),
  });
}

/** Asks, and records the events. */
function ask(server: DnsServer, text: string, clock?: Clock) {
  const events: ResolverEvent[] = [];
  const close = resolver(server, 50, clock).ask(
    { id: "1", resolver: "dns", authority: parseAuthority(text), asker: anyClient },
    (event) => events.push(event),
  );
  return {
    events,
    close,
    answered: (kind: Answer["kind"]) =>
      eventually(() => {
        const last = events.at(-1);
        return last?.kind === "answer" && last.answer.kind === kind ? last.answer : undefined;
      }),
  };
}

const addresses = (answer: Answer) =>
  answer.kind === "endpoints"
    ? answer.endpoints.map(({ address, port, weight }) => `${address}:${port} ${weight}`)
    : [];

const zone: Zone = {
  "db.corp.example": { A: ["10.0.0.2", "10.0.0.1"], AAAA: ["fd000000000000000000000000000001"], ttl: 1 },
  "half.corp.example": { A: ["10.0.0.7"], fails: "AAAA" },
  "none.corp.example": {},
  "evil.corp.example": { A: ["169.254.169.254"] },
  "mixed.corp.example": { A: ["169.254.169.254", "10.0.0.9"] },
  "_http._tcp.shop.example": {
    SRV: [
      { priority: 1, weight: 9, port: 8001, target: "db.corp.example" },
      { priority: 1, weight: 0, port: 8002, target: "mixed.corp.example" },
      { priority: 2, weight: 1, port: 8003, target: "mixed.corp.example" },
    ],
  },
};

describe("the DNS resolver", () => {
  it("gives the addresses of one family when the server fails for the other", async () => {
    await using server = await startDnsServer(zone);
    const asked = ask(server, "half.corp.example:80");
    assert.deepEqual(addresses(await asked.answered("endpoints")), ["10.0.0.7:80 1"]);
    asked.close();
  });

  it("is asked only for names outside to which somebody led, and for SRV names", async () => {
    await using server = await startDnsServer(zone);
    const { skips } = resolver(server).spec;
    assert.match(skips(parseAuthority("db.corp.example"), false) ?? "", /plain egress/);
    assert.match(skips(parseAuthority("10.0.0.1"), false) ?? "", /plain egress/);
    assert.match(skips(parseAuthority("users"), true) ?? "", /names of the mesh/);
    assert.equal(skips(parseAuthority("db.corp.example"), true), undefined);
    assert.equal(skips(parseAuthority("10.0.0.1"), true), undefined);
    assert.equal(skips(parseAuthority("_http._tcp.shop.example"), false), undefined);
  });

  it("answers with A and AAAA records and the port that was asked for", async () => {
    await using server = await startDnsServer(zone);
    const asked = ask(server, "db.corp.example:5432");
    assert.deepEqual(addresses(await asked.answered("endpoints")), [
      "10.0.0.1:5432 1",
      "10.0.0.2:5432 1",
      "fd00::1:5432 1",
    ]);
    asked.close();
  });

  it("answers SRV names with the ports and weights of the first priority", async () => {
    await using server = await startDnsServer(zone);
    const asked = ask(server, "_http._tcp.shop.example");
    const expected = ["10.0.0.1:8001 9", "10.0.0.2:8001 9", "10.0.0.9:8002 1", "fd00::1:8001 9"];
    assert.deepEqual(addresses(await asked.answered("endpoints")), expected);
    asked.close();
  });

  // RFC 2782: the lowest-numbered priority that can be reached. As reported in EasyTier/EasyTier#2584.
  it("goes on to the next priority of an SRV name when the first has no addresses", async () => {
    await using server = await startDnsServer({
      ...zone,
      "_x._tcp.shop.example": {
        SRV: [
          { priority: 1, weight: 1, port: 8001, target: "gone.corp.example" },
          { priority: 2, weight: 1, port: 8002, target: "none.corp.example" },
          { priority: 3, weight: 1, port: 8003, target: "half.corp.example" },
        ],
      },
    });
    const asked = ask(server, "_x._tcp.shop.example");
    assert.deepEqual(addresses(await asked.answered("endpoints")), ["10.0.0.7:8003 1"]);
    asked.close();
  });

  // open-telemetry/opentelemetry-collector-contrib#29760
  it("serves the targets of an SRV name that can be resolved when the server fails for another", async () => {
    await using server = await startDnsServer({
      "up.example": { A: ["10.0.0.1"] },
      "down.example": { failsAll: true },
      "_x._tcp.shop.example": {
        SRV: [
          { priority: 1, weight: 1, port: 8001, target: "up.example" },
          { priority: 1, weight: 1, port: 8002, target: "down.example" },
        ],
      },
    });
    const asked = ask(server, "_x._tcp.shop.example");
    assert.deepEqual(addresses(await asked.answered("endpoints")), ["10.0.0.1:8001 1"]);
    asked.close();
  });

  // haproxy/haproxy#345: half an answer never replaces a whole one.
  it("keeps the addresses of a family for which the server begins to fail, and marks them as stale", async () => {
    await using server = await startDnsServer({
      "both.example": { A: ["10.0.0.1"], AAAA: ["00000000000000000000000000000001"], ttl: 0 },
    });
    const asked = ask(server, "both.example:80");
    assert.deepEqual(addresses(await asked.answered("endpoints")), ["10.0.0.1:80 1", "::1:80 1"]);
    server.zone = { "both.example": { AAAA: ["00000000000000000000000000000001"], fails: "A", ttl: 0 } };
    const stale = await eventually(() => {
      const last = asked.events.at(-1);
      return last?.kind === "answer" && last.stale === true ? last.answer : undefined;
    });
    assert.deepEqual(addresses(stale), ["10.0.0.1:80 1", "::1:80 1"]);
    server.zone = { "both.example": { AAAA: ["00000000000000000000000000000001"], ttl: 0 } };
    await eventually(() => {
      const last = asked.events.at(-1);
      return last?.kind === "answer" && addresses(last.answer).join() === "::1:80 1";
    });
    asked.close();
  });

  it("asks again when the time to live is over, and no more when nobody wants to know", async () => {
    await using server = await startDnsServer({ "db.corp.example": { A: ["10.0.0.1"], ttl: 0 } });
    const clock = createFakeClock();
    const asked = ask(server, "db.corp.example", clock);
    const turn = async (kind: Answer["kind"]): Promise<void> => {
      await asked.answered(kind);
      await eventually("it waits for its next turn", () => clock.pending() === 1);
    };
    await turn("endpoints");
    server.zone = {};
    await clock.advance(50);
    await turn("absent");
    server.zone = { "db.corp.example": {} };
    await clock.advance(50);
    await turn("empty");
    asked.close();
    assert.equal(clock.pending(), 0);
  });

  it("tells a failure as a break, so that the last answer stays for a while", async () => {
    await using server = await startDnsServer({ "db.corp.example": { A: ["10.0.0.1"] } });
    const asked = ask(server, "db.corp.example");
    await asked.answered("endpoints");
    server.broken = true;
    await eventually(() => asked.events.at(-1)?.kind === "broken");
    server.broken = false;
    await asked.answered("endpoints");
    asked.close();
  });

  it("never leads to metadata addresses or to the control plane", async () => {
    await using server = await startDnsServer({ ...zone, "me.example": { A: ["127.0.0.1"] } });
    const evil = ask(server, "evil.corp.example");
    const answer = await evil.answered("failed");
    assert.match(answer.kind === "failed" ? answer.message : "", /169\.254\.169\.254 is link-local/);
    const mixed = ask(server, "mixed.corp.example");
    assert.deepEqual(addresses(await mixed.answered("endpoints")), ["10.0.0.9:80 1"]);
    const own = ask(server, "me.example:4140");
    await own.answered("failed");
    for (const each of [evil, mixed, own]) each.close();
  });
});
