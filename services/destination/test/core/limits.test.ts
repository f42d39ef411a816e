import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { cidrs, PRIVATE_NETWORKS, parseAuthority } from "@patchbay/model";
import type { EndpointSchema } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { type ResolveResponse, ResolveResponseSchema } from "@patchbay/proto/mesh/plugin/v1/resolver_pb";
import { FORBIDDEN_ADDRESSES } from "@patchbay/testkit";
import { LimitError, readAnswer } from "../../src/core/limits.ts";

const limits = { networks: cidrs(...PRIVATE_NETWORKS), ownPorts: new Set([4140]) };
const users = parseAuthority("users.demo.svc:80");
type EndpointInit = MessageInitShape<typeof EndpointSchema>;

const answered = (answer: MessageInitShape<typeof ResolveResponseSchema>["answer"]): ResolveResponse =>
  create(ResolveResponseSchema, answer ? { answer } : {});
const withEndpoints = (...endpoints: EndpointInit[]) => answered({ case: "endpoints", value: { endpoints } });
const read = (response: ResolveResponse) => readAnswer(response, users, limits);
const refused = (response: ResolveResponse, rule: string, text: RegExp) =>
  assert.throws(
    () => read(response),
    (error) => error instanceof LimitError && error.rule === rule && text.test(error.message),
    `${rule} ${text}`,
  );

describe("what a plugin may answer", () => {
  it("is loopback and private addresses on a laptop", () => {
    for (const address of ["127.0.0.1", "10.0.0.1", "172.31.255.255", "192.168.1.1", "::1", "fd00::1"]) {
      assert.equal(read(withEndpoints({ address, port: 80 })).kind, "endpoints", address);
    }
    refused(
      withEndpoints({ address: "8.8.8.8", port: 80 }),
      "allowed-networks",
      /endpoints\[0\]: 8\.8\.8\.8 lies outside of allowedNetworks \(127\.0\.0\.0\/8/,
    );
    refused(withEndpoints({ address: "172.32.0.1", port: 80 }), "allowed-networks", /172\.32\.0\.1/);
  });

  it("is never a metadata, link-local, multicast, unspecified or disguised address, whatever the grant says", () => {
    const everything = { ...limits, networks: cidrs("0.0.0.0/0", "::/0") };
    for (const address of [...FORBIDDEN_ADDRESSES, "::ffff:127.0.0.1", "::7f00:1"]) {
      const response = withEndpoints({ address, port: 80 });
      assert.throws(
        () => readAnswer(response, users, everything),
        (error) => error instanceof LimitError && error.rule === "forbidden-address",
        address,
      );
    }
  });

  it("is an address and not a name or a number that some would read as one", () => {
    for (const address of [
      "localhost",
      "127.1",
      "2130706433",
      "0x7f.0.0.1",
      "127.0.0.01",
      "[::1]",
      "::1%lo",
      "",
      "127.0.0.1:80",
    ]) {
      refused(withEndpoints({ address, port: 80 }), "address", /is not an IP address/);
    }
  });

  it("does not lead to the control plane's own ports", () => {
    refused(
      withEndpoints({ address: "127.0.0.1", port: 4140 }),
      "own-port",
      /127\.0\.0\.1:4140 is the control plane's own/,
    );
    refused(withEndpoints({ address: "::1", port: 4140 }), "own-port", /own/);
    refused(withEndpoints({ address: "127.9.9.9", port: 4140 }), "own-port", /own/);
    assert.equal(read(withEndpoints({ address: "10.0.0.1", port: 4140 })).kind, "endpoints");
  });

  it("has sane ports, sizes, labels, identities", () => {
    const good = { address: "127.0.0.1", port: 80 };
    refused(withEndpoints({ ...good, port: 0 }), "port", /port 0/);
    refused(withEndpoints({ ...good, port: 65_536 }), "port", /port 65536/);
    refused(withEndpoints(), "no-endpoints", /answer "empty" instead/);
    refused(withEndpoints(...Array.from({ length: 10_001 }, () => good)), "too-many-endpoints", /10001/);
    refused(withEndpoints({ ...good, labels: { "bad key": "x" } }), "labels", /bad key/);
    refused(withEndpoints({ ...good, labels: { key: "x".repeat(257) } }), "labels", /key/);
    refused(
      withEndpoints({ ...good, labels: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`l${n}`, ""])) }),
      "labels",
      /33/,
    );
    refused(withEndpoints({ ...good, identity: "spiffe://evil/ns/a/sa/b" }), "identity", /evil/);
    refused(withEndpoints({ ...good, weight: 1_000_001 }), "weight", /1000001/);
    refused(answered(undefined), "empty-message", /no answer/);
  });

  it("is the same bytes however it was sorted", () => {
    const a = { address: "127.0.0.1", port: 80, labels: { b: "2", a: "1" } };
    const b = { address: "127.0.0.1", port: 81 };
    assert.deepEqual(read(withEndpoints(a, b)), read(withEndpoints(b, { ...a, labels: { a: "1", b: "2" } }, b)));
  });

  it("rewrites within the asked authority's namespace, and splits with sane weights", () => {
    const rewrite = (authority: string) => answered({ case: "rewrite", value: { authority } });
    const answer = read(rewrite("people"));
    assert.equal(answer.kind === "rewrite" && answer.authority.key, "people.demo.svc.cluster.local:80");
    refused(rewrite("no such host"), "authority", /no such host/);
    const split = (...weights: number[]) =>
      answered({ case: "split", value: { targets: weights.map((weight) => ({ authority: "people", weight })) } });
    assert.equal(read(split(1, 0)).kind, "split");
    refused(split(), "split", /without targets/);
    refused(split(0, 0), "split", /weights are all 0/);
    refused(split(...Array.from({ length: 65 }, () => 1)), "split", /65 targets/);
    refused(split(1, 1_000_001), "weight", /more than/);
  });

  it("keeps a stranger's message short and printable", () => {
    const answer = read(answered({ case: "failed", value: { message: `line\n\u001b[31mred${"x".repeat(1_000)}` } }));
    assert.ok(answer.kind === "failed" && answer.message.length < 520 && !/\p{C}/u.test(answer.message));
  });
});
