import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createClient,
  type HandlerContext,
  type Interceptor,
  type Transport,
} from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import {
  Health,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
} from "@patchbay/proto/grpc/health/v1/health_pb";
import { mintToken, noLog } from "@patchbay/wire";
import {
  type App,
  beginStream,
  caller,
  createInProcessTransport,
  createTokenCheck,
  endStream,
  envelope,
  type RunningServer,
  readEnvelopes,
  requireKind,
  serve,
} from "../src/index.ts";

const key = new Uint8Array(32).fill(7);
const token = (kind: "operator" | "plugin" = "operator") =>
  mintToken(key, { kind, namespace: "default", name: "tester", instance: "one", expiresAt: Date.now() + 60_000 });
const check = createTokenCheck({ key, operatorToken: "printed" });
const { SERVING } = HealthCheckResponse_ServingStatus;

/** Serves the health service: Check for operators only, Watch by the general handler and, for HTTP/2, by a raw stream. */
const app: App = {
  name: "sample",
  routes(router) {
    router.service(Health, {
      check(_request, context: HandlerContext) {
        requireKind(context, "operator");
        return { status: SERVING };
      },
      async *watch(_request, context: HandlerContext) {
        assert.equal(caller(context).name, "tester");
        yield { status: SERVING };
      },
    });
  },
  streams: new Map([
    [
      "/grpc.health.v1.Health/Watch",
      (stream, call) => {
        readEnvelopes(stream, {
          maxBytes: 100,
          onMessage: () => {
            beginStream(stream, call.protocol);
            const message = toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status: SERVING }));
            stream.write(envelope(message));
            stream.write(envelope(message));
          },
          onEnd: () => endStream(stream, call.protocol),
          onError: (reason) => endStream(stream, call.protocol, new ConnectError(reason, Code.InvalidArgument)),
        });
      },
    ],
  ]),
  start: async () => undefined,
  stop: async () => undefined,
  readiness: () => ({ ready: false, reason: "waiting for something" }),
  metrics: () => "sample_total 1\n",
};

let server: RunningServer;
before(async () => {
  server = await serve({ apps: [app], check, log: noLog, metrics: async () => "own 1\n", drainMs: 200 });
});
after(async () => await server.stop());

const bearer = (secret: string): Interceptor[] => [
  (next) => (request) => {
    request.header.set("authorization", `Bearer ${secret}`);
    return next(request);
  },
];

function transports(secret: string): [string, Transport][] {
  const common = { baseUrl: server.address, interceptors: bearer(secret) };
  return [
    ["Connect over HTTP/1.1", createConnectTransport({ ...common, httpVersion: "1.1" })],
    ["Connect over HTTP/2", createConnectTransport({ ...common, httpVersion: "2" })],
    ["gRPC", createGrpcTransport(common)],
    ["gRPC-Web", createGrpcWebTransport({ ...common, httpVersion: "1.1" })],
    ["in the same process", createInProcessTransport({ app, check, token: () => secret })],
  ];
}

describe("one port", () => {
  it("answers a call the same way in every protocol, over the network and within the process", async () => {
    for (const [name, transport] of transports(token())) {
      assert.equal((await createClient(Health, transport).check({})).status, SERVING, name);
    }
  });

  it("refuses a call without a proven caller, and one of the wrong kind, with a hint", async () => {
    for (const [name, transport] of transports("forged")) {
      const refused = createClient(Health, transport).check({});
      await assert.rejects(refused, { code: Code.Unauthenticated, message: /present the token that `mesh up`/ }, name);
    }
    for (const [name, transport] of transports(token("plugin"))) {
      const refused = createClient(Health, transport).check({});
      await assert.rejects(
        refused,
        { code: Code.PermissionDenied, message: /plugin "tester" may not call Check/ },
        name,
      );
    }
  });

  it("streams on the raw exit to Connect and gRPC, and by the general handler to all others", async () => {
    for (const [name, transport] of transports(token())) {
      const seen = [];
      for await (const { status } of createClient(Health, transport).watch({})) seen.push(status);
      const raw = name === "gRPC" || name === "Connect over HTTP/2";
      assert.deepEqual(seen, raw ? [SERVING, SERVING] : [SERVING], name);
    }
  });

  it("refuses raw streams without a proven caller", async () => {
    for (const [name, transport] of transports("forged")) {
      const read = async () => {
        for await (const _ of createClient(Health, transport).watch({}));
      };
      await assert.rejects(read(), { code: Code.Unauthenticated }, name);
    }
  });

  it("refuses an oversized message on a raw stream", async () => {
    const transport = createGrpcTransport({ baseUrl: server.address, interceptors: bearer(token()) });
    const read = async () => {
      for await (const _ of createClient(Health, transport).watch({ service: "x".repeat(200) }));
    };
    await assert.rejects(read(), { code: Code.InvalidArgument, message: /longer than 100/ });
  });

  it("waits for three bytes before it decides on the protocol", async () => {
    const socket = connect(server.port, "127.0.0.1");
    const frames: Buffer[] = [];
    socket.on("data", (chunk) => frames.push(chunk));
    for (const byte of "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") {
      socket.write(byte);
      await sleep(2);
    }
    socket.write(Buffer.from("000000040000000000", "hex")); // an empty SETTINGS frame
    while (Buffer.concat(frames).length < 9) await sleep(5);
    assert.equal(Buffer.concat(frames)[3], 4, "the server answers with SETTINGS");
    socket.destroy();
  });

  it("gives health to everybody, and pages only to those with a token", async () => {
    assert.equal((await fetch(`${server.address}/healthz`)).status, 200);
    const ready = await fetch(`${server.address}/readyz`);
    assert.equal(ready.status, 503);
    assert.deepEqual(await ready.json(), {
      ready: false,
      services: [{ name: "sample", ready: false, reason: "waiting for something" }],
    });
    assert.equal((await fetch(`${server.address}/metrics`)).status, 401);
    const metrics = await fetch(`${server.address}/metrics?token=printed`);
    assert.equal(await metrics.text(), "own 1\nsample_total 1\n");
    assert.equal((await fetch(`${server.address}/nothing?token=printed`)).status, 404);
  });

  it("answers a target that is no URL, and goes on", async () => {
    const socket = connect(server.port, "127.0.0.1");
    socket.write("GET // HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
    let answer = "";
    for await (const chunk of socket) answer += String(chunk);
    assert.match(answer, /^HTTP\/1\.1 400 /);
    const session = connectHttp2(server.address);
    const stream = session.request({ ":path": "//" });
    const status = await new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])));
    assert.equal(status, 400);
    session.destroy();
    assert.equal((await fetch(`${server.address}/healthz`)).status, 200);
  });

  it("refuses foreign Hosts and Origins over both HTTP versions", async () => {
    const origin = await fetch(`${server.address}/metrics?token=printed`, {
      headers: { origin: "http://evil.example" },
    });
    assert.equal(origin.status, 403);
    const session = connectHttp2(server.address);
    const stream = session.request({ ":authority": "evil.example", ":path": "/metrics?token=printed" });
    const status = await new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])));
    assert.equal(status, 403);
    const raw = session.request({
      ":authority": "evil.example",
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Watch",
      "content-type": "application/connect+proto",
      authorization: `Bearer ${token()}`,
    });
    raw.end(envelope(new Uint8Array()));
    let answer = "";
    for await (const chunk of raw) answer += String(chunk);
    assert.match(answer, /permission_denied.*evil\.example/);
    session.destroy();
  });
});
