import assert from "node:assert/strict";
import { Agent } from "node:http";
import { connect } from "node:http2";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { Destination, ResolveRequestSchema } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { envelope } from "@patchbay/runtime";
import { eventually, testToken } from "@patchbay/testkit";
import type { CallerKind } from "@patchbay/wire";
import { type RunningDestination, startDestination } from "../support/destination.ts";
import { picture, proxy } from "../support/registrations.ts";
import { said, watch } from "../support/watcher.ts";

const auth =
  (kind: CallerKind = "operator"): Interceptor =>
  (next) =>
  (request) => {
    request.header.set("authorization", `Bearer ${testToken({ kind })}`);
    return next(request);
  };

/** One that no variable of the environment sends to a proxy. */
const agent = new Agent();

const ways: Readonly<Record<string, (mesh: RunningDestination) => Transport>> = {
  "in the same process": (mesh) => mesh.local({ kind: "core" }),
  "by Connect over HTTP/2": (mesh) => mesh.as({ kind: "operator" }),
  "by Connect in JSON over HTTP/1.1": (mesh) =>
    createConnectTransport({
      baseUrl: mesh.address,
      httpVersion: "1.1",
      nodeOptions: { agent },
      useBinaryFormat: false,
      interceptors: [auth()],
    }),
  "by gRPC": (mesh) => createGrpcTransport({ baseUrl: mesh.address, interceptors: [auth()] }),
  "by gRPC-Web": (mesh) =>
    createGrpcWebTransport({
      baseUrl: mesh.address,
      httpVersion: "1.1",
      nodeOptions: { agent },
      interceptors: [auth()],
    }),
};

for (const [how, transportOf] of Object.entries(ways)) {
  describe(`the destination API, called ${how}`, () => {
    it("streams a snapshot and each change, and explains exactly that", async () => {
      await using mesh = await startDestination({ registrations: [proxy()] });
      const client = createClient(Destination, transportOf(mesh));
      await using users = watch(client, "users");
      const first = await users.until("endpoints 7001 by workloads");
      assert.equal(first.authority, "users.default.svc.cluster.local:80");
      assert.deepEqual((await client.explain({ authority: "users:80" })).resolution, first);
      mesh.registry(picture([proxy({ instance: "two", port: 7002 })]));
      const second = await users.until("endpoints 7001,7002 by workloads");
      assert.notEqual(second.version, first.version);
      mesh.registry(picture([], { removed: ["proxy/default/users/two"] }));
      assert.equal((await users.until("endpoints 7001 by workloads")).version, first.version);
    });

    it("lists the resolvers in the order in which they count", async () => {
      await using mesh = await startDestination();
      const client = createClient(Destination, transportOf(mesh));
      const { resolvers } = await client.listResolvers({});
      assert.deepEqual(
        resolvers.map(({ name }) => name),
        ["workloads", "static-services", "dns"],
      );
      assert.ok(resolvers.every(({ ready }) => ready));
    });

    it("refuses what can not be an authority", async () => {
      await using mesh = await startDestination();
      const client = createClient(Destination, transportOf(mesh));
      const bad = (error: unknown) =>
        ConnectError.from(error).code === Code.InvalidArgument && /port "99999"/.test(String(error));
      await assert.rejects(client.explain({ authority: "users:99999" }), bad);
      await assert.rejects(client.resolve({ authority: "users:99999" })[Symbol.asyncIterator]().next(), bad);
    });

    it("limits how many names one client watches", async () => {
      await using mesh = await startDestination({ settings: { maxWatchesPerClient: 2 }, registrations: [proxy()] });
      const client = createClient(Destination, transportOf(mesh));
      await using one = watch(client, "users");
      await using two = watch(client, "users:81");
      await Promise.all([one, two].map((each) => each.until("endpoints 7001 by workloads")));
      await assert.rejects(
        client.resolve({ authority: "users:82" })[Symbol.asyncIterator]().next(),
        (error) => ConnectError.from(error).code === Code.ResourceExhausted,
      );
      await two.leave();
      await eventually(async () => (await mesh.metric("destination_streams")) === 1);
      await using three = watch(client, "users:82");
      await three.until("endpoints 7001 by workloads");
    });
  });
}

describe("the destination API", () => {
  const as = (mesh: RunningDestination, kind: CallerKind, namespace: string) =>
    createClient(Destination, mesh.as({ kind, namespace, name: "caller" }));

  it("takes a proxy's namespace from its proof and not from what it says", async () => {
    await using mesh = await startDestination({ registrations: [proxy({ namespace: "demo" })] });
    const client = as(mesh, "proxy", "demo");
    const explained = await client.explain({ authority: "users" });
    assert.equal(said(explained.resolution), "endpoints 7001 by workloads");
    await assert.rejects(
      client.explain({ authority: "users", context: { namespace: "other" } }),
      /\[permission_denied\] the token proves namespace "demo"/,
    );
  });

  it("is not for plugins", async () => {
    await using mesh = await startDestination();
    await assert.rejects(
      as(mesh, "plugin", "default").explain({ authority: "users" }),
      /\[permission_denied\] plugin "caller" may not resolve/,
    );
  });

  it("sends the same bytes to everybody who watches the same", async () => {
    await using mesh = await startDestination({ registrations: [proxy()] });
    const streams = await Promise.all(
      ["users", "users.default.svc:80"].map((authority) => rawResolve(mesh, authority)),
    );
    assert.deepEqual(streams[0]?.bytes, streams[1]?.bytes);
  });

  it("answers malformed streams with an error and goes on", async () => {
    await using mesh = await startDestination({ registrations: [proxy()] });
    const lie = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]);
    const rubbish = envelope(Buffer.from([0xff, 0xff, 0xff]));
    const good = envelope(toBinary(ResolveRequestSchema, create(ResolveRequestSchema, { authority: "users" })));
    const cases: readonly [Buffer, RegExp][] = [
      [Buffer.alloc(0), /the request message is missing/],
      [lie, /longer than/],
      [rubbish, /not a ResolveRequest/],
      [good.subarray(0, 7), /ended within a message/],
      [Buffer.concat([good, good]), /one request message/],
    ];
    for (const [body, reason] of cases) {
      const { text } = await rawPost(mesh, body);
      assert.match(text, reason);
      assert.match(text, /invalid_argument/);
    }
    assert.equal(said((await mesh.client.explain({ authority: "users" })).resolution), "endpoints 7001 by workloads");
    assert.equal(await mesh.metric("destination_streams"), 0);
  });

  it("ends its streams with a reason to ask elsewhere when it stops", async () => {
    const mesh = await startDestination({ registrations: [proxy()] });
    const reading = mesh.client.resolve({ authority: "users" })[Symbol.asyncIterator]();
    await reading.next();
    const next = reading.next();
    await mesh.app.stop();
    await assert.rejects(next, (error) => ConnectError.from(error).code === Code.Unavailable);
    await mesh[Symbol.asyncDispose]();
  });
});

/** Reads the first message as bytes. */
async function rawResolve(mesh: RunningDestination, authority: string): Promise<{ bytes: Buffer }> {
  const request = envelope(toBinary(ResolveRequestSchema, create(ResolveRequestSchema, { authority })));
  const session = connect(mesh.address);
  const stream = session.request(resolveHeaders(mesh));
  stream.end(request);
  const bytes = await new Promise<Buffer>((resolve) => stream.once("data", resolve));
  session.destroy();
  return { bytes };
}

/** Sends a whole body and reads the whole answer. */
async function rawPost(mesh: RunningDestination, body: Buffer): Promise<{ text: string }> {
  const session = connect(mesh.address);
  const stream = session.request(resolveHeaders(mesh));
  stream.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  session.destroy();
  return { text: Buffer.concat(chunks).toString() };
}

function resolveHeaders(_mesh: RunningDestination) {
  return {
    ":method": "POST",
    ":path": "/mesh.destination.v1.Destination/Resolve",
    "content-type": "application/connect+proto",
    authorization: `Bearer ${testToken({ kind: "operator" })}`,
  };
}
