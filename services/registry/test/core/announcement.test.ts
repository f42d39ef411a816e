import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { HOOK_NAMES, spiffeId } from "@patchbay/model";
import type { HookSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { AUTHORITY_CASES, FORBIDDEN_ADDRESSES } from "@patchbay/testkit";
import fc from "fast-check";
import { readAnnouncement } from "../../src/core/announce/announcement.ts";
import { checkClaim } from "../../src/core/announce/claim.ts";
import { negotiate } from "../../src/core/announce/contract.ts";
import { Refusal } from "../../src/core/announce/refusal.ts";
import { type Fields, proxy, resolver } from "../support/announcements.ts";

const endpoint = { address: "127.0.0.1", port: 4_000, identity: "spiffe://cluster.local/ns/default/sa/users" };
const RESOLVE = { kind: { case: "resolve", value: {} } } as const;
const manifest = (hook: MessageInitShape<typeof HookSchema>) => ({ manifest: { hooks: [{ ...RESOLVE, ...hook }] } });

function refusal(announce: ReturnType<typeof proxy>): string {
  try {
    readAnnouncement(announce, spiffeId);
  } catch (error) {
    assert.ok(error instanceof Refusal);
    assert.equal(error.code, "invalid");
    return error.message;
  }
  return "accepted";
}

describe("an announcement", () => {
  it("of a proxy, a plugin and a core service is taken as it is, with defaults filled in", () => {
    assert.equal(readAnnouncement(proxy({ namespace: "" }), spiffeId).namespace, "default");
    assert.deepEqual(readAnnouncement(resolver(), spiffeId), resolver());
    const core = proxy({ kind: Kind.CORE, name: "telemetry", address: "127.0.0.1:4140" });
    assert.deepEqual(readAnnouncement(core, spiffeId), core);
    const workload = { service: "users", ports: [80], endpoint, ready: true };
    assert.equal(readAnnouncement(proxy({ workload }), spiffeId).workload?.service, "users");
  });

  it("may offer every hook and take every class of events at once", () => {
    const hooks = HOOK_NAMES.map((name) => ({ kind: { case: name, value: {} } }));
    const events = ["report", "endpoint", "plugin", "slo"].map((name) => ({ class: name }));
    assert.equal(refusal(resolver({ manifest: { hooks, events } })), "accepted");
    assert.equal(
      refusal(resolver(manifest({ kind: { case: "ratelimit", value: { concurrency: 1_024 } } }))),
      "accepted",
    );
  });

  const refusedPlugins: readonly (readonly [string, Fields, RegExp])[] = [
    ["without a kind", { kind: Kind.UNSPECIFIED }, /^kind: /],
    ["with an unknown kind", { kind: 99 as Kind }, /^kind: /],
    ["without a name", { name: "" }, /^name: /],
    ["with a name that is no DNS label", { name: "Users_1" }, /^name: .*Users_1/],
    ["with a name of 64 characters", { name: "a".repeat(64) }, /^name: /],
    ["with a subject wildcard for a name", { name: ">" }, /^name: /],
    ["with a namespace that is no DNS label", { namespace: "a.b" }, /^namespace: /],
    ["without an instance", { instance: "" }, /^instance: /],
    ["with an instance that could be a path", { instance: "../x" }, /^instance: /],
    ["without a version", { version: "" }, /^version: /],
    ["with a version that is none", { version: "latest" }, /^version: .*latest/],
    ["without a contract", { contract: undefined } as unknown as Fields, /^contract: is missing/],
    ["with a contract from 0", { contract: { min: 0, max: 1 } }, /^contract\.min: /],
    ["with a contract upside down", { contract: { min: 2, max: 1 } }, /^contract\.max: /],
    ["without a manifest", { manifest: undefined } as unknown as Fields, /^manifest: is missing/],
    ["with hooks and no address", { address: "" }, /^address: is missing/],
    ["with a scheme in its address", { address: "http://127.0.0.1:1" }, /^address: .*scheme/],
    ["with an address without a port", { address: "127.0.0.1" }, /^address: /],
    ["with port 0", { address: "127.0.0.1:0" }, /^address: .*port "0"/],
    ["with port 65536", { address: "127.0.0.1:65536" }, /^address: .*port "65536"/],
    ["at the metadata service", { address: "169.254.169.254:80" }, /^address: /],
    ["at the metadata service, in disguise", { address: "[::ffff:169.254.169.254]:80" }, /^address: /],
    ["at the metadata service, as one number", { address: "2852039166:80" }, /^address: /],
    ["at the metadata service, in hexadecimal", { address: "0xa9fea9fe:80" }, /^address: /],
    ["at the metadata service, in two parts", { address: "169.16689662:80" }, /^address: /],
    ["at the metadata service, spelled out", { address: "[0:0:0:0:0:ffff:a9fe:a9fe]:80" }, /^address: /],
    ["at every address, spelled out", { address: "[0:0:0:0:0:0:0:0]:80" }, /^address: /],
    ["at an address that is none", { address: "[::1::2]:80" }, /^address: /],
    ["at every address", { address: "0.0.0.0:80" }, /^address: /],
    [
      "with a hook that this contract does not have",
      manifest({ kind: { case: undefined } }),
      /^manifest\.hooks\[0\]\.kind: not set, or a hook that this core does not know; known: resolve/,
    ],
    [
      "with 6 s for a hook that requests wait for",
      manifest({ kind: { case: "authorize", value: {} }, deadline: durationFromMs(6_000) }),
      /^manifest\.hooks\[0\]\.deadline: 6 s is not more than 0 s and at most 5 s/,
    ],
    [
      "with 1,025 calls at a time",
      manifest({ kind: { case: "ratelimit", value: { concurrency: 1_025 } } }),
      /^manifest\.hooks\[0\]\.ratelimit\.concurrency: 1025 is more than 1024/,
    ],
    ["with one hook twice", { manifest: { hooks: [RESOLVE, RESOLVE] } }, /^manifest\.hooks: .*twice/],
    [
      "with a deadline of 31 s",
      manifest({ deadline: durationFromMs(31_000) }),
      /^manifest\.hooks\[0\]\.deadline: 31 s/,
    ],
    ["with a deadline of 0", manifest({ deadline: durationFromMs(0) }), /^manifest\.hooks\[0\]\.deadline: /],
    [
      "with a negative order",
      manifest({ kind: { case: "resolve", value: { order: -1 } } }),
      /^manifest\.hooks\[0\]\.resolve\.order: /,
    ],
    [
      "with a suffix that is no name",
      manifest({ kind: { case: "resolve", value: { authoritySuffixes: ["a", "*.b"] } } }),
      /^manifest\.hooks\[0\]\.resolve\.authority_suffixes\[1\]: /,
    ],
    [
      "with too many suffixes",
      manifest({
        kind: { case: "resolve", value: { authoritySuffixes: Array.from({ length: 65 }, (_, i) => `s${i}`) } },
      }),
      /65 are more than 64/,
    ],
    [
      "with an unknown event class",
      { manifest: { events: [{ class: "gossip" }] } },
      /^manifest\.events\[0\]\.class: unknown event class "gossip"; known: report/,
    ],
    [
      "with one class twice",
      { manifest: { events: [{ class: "report" }, { class: "report" }] } },
      /^manifest\.events: .*twice/,
    ],
    [
      "with a concurrency of 257",
      { manifest: { events: [{ class: "report", concurrency: 257 }] } },
      /^manifest\.events\[0\]\.concurrency: /,
    ],
    [
      "of a hundred kilobytes",
      { manifest: { configSchema: { description: "x".repeat(100_000) } } },
      /^announce: .*bytes/,
    ],
    ["with a workload", { workload: { service: "users", endpoint } }, /^workload: only proxies/],
  ];
  for (const [what, fields, message] of refusedPlugins) {
    it(`of a plugin ${what} is refused, naming the field`, () => assert.match(refusal(resolver(fields)), message));
  }

  for (const address of FORBIDDEN_ADDRESSES)
    it(`at ${address} is refused, of plugins and of proxies`, () => {
      const authority = address.includes(":") ? `[${address}]:80` : `${address}:80`;
      assert.match(refusal(resolver({ address: authority })), /^address: /);
      const served = { service: "users", endpoint: { ...endpoint, address } };
      assert.match(refusal(proxy({ workload: served })), /^workload\.endpoint\.address: /);
    });
  for (const host of ["metadata.google.internal", "METADATA.goog.", "metadata"])
    it(`of a plugin at ${host} is refused`, () => {
      assert.match(refusal(resolver({ address: `${host}:80` })), /^address: .*metadata/);
    });
  for (const { text } of AUTHORITY_CASES.filter(({ text: each, means }) => means === undefined && each !== ""))
    it(`of a plugin at ${JSON.stringify(text.slice(0, 40))} is refused`, () => {
      assert.match(refusal(resolver({ address: text })), /^address: /);
    });

  const workload = (fields: object) => proxy({ workload: { service: "users", endpoint, ...fields } });
  const refusedProxies: readonly (readonly [string, ReturnType<typeof proxy>, RegExp])[] = [
    ["with a manifest", proxy({ manifest: {} }), /^manifest: only plugins/],
    [
      "at the metadata service, spelled out",
      workload({ endpoint: { ...endpoint, address: "0:0:0:0:0:ffff:a9fe:a9fe" } }),
      /^workload\.endpoint\.address: /,
    ],
    [
      "for a service of another name",
      workload({ service: "payments" }),
      /^workload\.service: "payments" is not .*"users"/,
    ],
    ["for a service that is no DNS label", workload({ service: "users.demo" }), /^workload\.service: /],
    ["with port 70000", workload({ ports: [80, 70_000] }), /^workload\.ports\[1\]: /],
    ["without an endpoint", workload({ endpoint: undefined }), /^workload\.endpoint: is missing/],
    [
      "with a name for an address",
      workload({ endpoint: { ...endpoint, address: "localhost" } }),
      /^workload\.endpoint\.address: .*not an IP address/,
    ],
    [
      "at the metadata service",
      workload({ endpoint: { ...endpoint, address: "169.254.169.254" } }),
      /^workload\.endpoint\.address: /,
    ],
    ["on port 0", workload({ endpoint: { ...endpoint, port: 0 } }), /^workload\.endpoint\.port: /],
    [
      "with another's identity",
      workload({ endpoint: { ...endpoint, identity: "spiffe://cluster.local/ns/default/sa/payments" } }),
      /^workload\.endpoint\.identity: .*payments.*not what this proxy proves/,
    ],
    [
      "with too many labels",
      workload({
        endpoint: { ...endpoint, labels: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, ""])) },
      }),
      /^workload\.endpoint\.labels: /,
    ],
  ];
  for (const [what, announce, message] of refusedProxies) {
    it(`of a proxy ${what} is refused, naming the field`, () => assert.match(refusal(announce), message));
  }

  it("with anything in its texts is either taken or refused, never more", () => {
    const text = fc.string({ unit: "binary", maxLength: 100 });
    fc.assert(
      fc.property(
        fc.record({ name: text, namespace: text, instance: text, version: text, address: text, reason: text }),
        (fields) => {
          refusal(resolver(fields));
        },
      ),
    );
  });
});

describe("a claim", () => {
  const proven = { kind: "plugin", namespace: "default", name: "hosts", instance: "one" } as const;

  it("is good when the token proves exactly what the announcement says", () => checkClaim(proven, resolver()));

  for (const [what, fields] of [
    ["name", { name: "other" }],
    ["namespace", { namespace: "demo" }],
    ["instance", { instance: "two" }],
    ["kind", { kind: Kind.CORE }],
  ] as const) {
    it(`to another ${what} is denied`, () => {
      assert.throws(
        () => checkClaim(proven, resolver(fields)),
        (error: unknown) => {
          assert.ok(error instanceof Refusal);
          assert.equal(error.code, "denied");
          assert.match(error.message, /^the token proves plugin\/default\/hosts\/one, the announcement says /);
          return true;
        },
      );
    });
  }
});

describe("the contract version", () => {
  it("is the highest that both speak", () => {
    assert.equal(negotiate({ min: 1, max: 9 }), 1);
    assert.equal(negotiate({ min: 2, max: 5 }, { min: 3, max: 4 }), 4);
  });

  it("is refused with both ranges when there is none, and says which side is older", () => {
    assert.throws(() => negotiate({ min: 2, max: 3 }), /announcer speaks 2 to 3, this core speaks 1; run a newer core/);
    assert.throws(
      () => negotiate({ min: 1, max: 1 }, { min: 2, max: 4 }),
      /announcer speaks 1, this core speaks 2 to 4; build against a newer SDK/,
    );
  });
});
