import assert from "node:assert/strict";
import { type ClientHttp2Stream, connect } from "node:http2";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { WatchRequestSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { envelope } from "@patchbay/runtime";
import { eventually, testToken } from "@patchbay/testkit";
import { type RunningPolicy, startPolicy } from "../support/policy.ts";
import { follow } from "../support/proxy.ts";
import { yaml } from "../support/resources.ts";

/** A proxy that takes nothing; `says` is its first message. */
function lazyProxy(policy: RunningPolicy, says: Uint8Array | undefined): ClientHttp2Stream {
  const session = connect(policy.address);
  session.on("error", () => undefined);
  const stream = session.request({
    ":method": "POST",
    ":path": "/mesh.policy.v1.Policy/Watch",
    "content-type": "application/connect+proto",
    authorization: `Bearer ${testToken({ kind: "proxy", name: "web", instance: "lazy" })}`,
  });
  stream.on("error", () => undefined);
  stream.once("close", () => session.destroy());
  stream.pause();
  if (says) stream.write(envelope(says));
  return stream;
}

const hello = toBinary(WatchRequestSchema, create(WatchRequestSchema, { message: { case: "hello", value: {} } }));

/** Enough rules that one snapshot fills a stream's buffers. */
const many = (count: number, prefix = "p"): string => {
  const identities = Array.from({ length: 64 }, (_, n) => `spiffe://cluster.local/ns/${"x".repeat(400)}/sa/s${n}`);
  const rules = Array.from({ length: 4 }, () => ({ from: [{ identities }] }));
  return Array.from({ length: count }, (_, n) =>
    yaml("AuthorizationPolicy", `${prefix}${n}`, { action: "Deny", rules }),
  ).join("");
};

describe("a proxy that takes nothing", () => {
  it("loses its stream, and slows nobody", async () => {
    await using policy = await startPolicy({ files: { "a.yaml": many(8) }, settings: { stuckReaderMs: 200 } });
    const stream = lazyProxy(policy, hello);
    await using quick = follow(policy);
    await quick.until(() => true);
    await eventually(async () => (await policy.metric("policy_stuck_readers_total")) === 1 || undefined);
    await eventually(() => stream.destroyed || undefined);
    assert.equal(await policy.metric("policy_followers"), 1);
  });

  it("loses its stream when it never says hello", async () => {
    await using policy = await startPolicy({ settings: { stuckReaderMs: 100 } });
    const stream = lazyProxy(policy, undefined);
    stream.resume();
    await eventually(() => stream.destroyed || stream.readableEnded || undefined);
    stream.destroy();
  });

  it("is not told more than it can take, and that is said", async () => {
    const files = Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [`${name}.yaml`, many(8, name)]));
    await using policy = await startPolicy({ files });
    await using proxy = follow(policy);
    const status = await eventually(async () => {
      const { proxies } = await policy.client.status({});
      return proxies[0]?.rejectionReason ? proxies[0] : undefined;
    });
    assert.match(status.rejectionReason, /MiB, more than the 4 that proxies take/);
    assert.equal(proxy.snapshots.length, 0);
  });
});
