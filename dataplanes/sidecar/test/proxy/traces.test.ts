import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { describe, it } from "node:test";
import { createTracing, parseTraceparent, type Tracing } from "@patchbay/runtime";
import { type OtlpReceiver, startOtlpReceiver } from "@patchbay/runtime/test/otlp-receiver";
import { closedPort } from "@patchbay/testkit";
import { noLog } from "@patchbay/wire";
import { createTraceWitness } from "../../src/sources/trace-witness.ts";
import { createAuthority, identityOf, spiffe } from "../support/certificates.ts";
import { http2Client, startHttp2, whole } from "../support/http2.ts";
import { endpoint, type StartedProxy, type StartOptions, startProxy } from "../support/proxies.ts";
import { bodyOf, startApp } from "../support/wire.ts";

const authority = createAuthority();
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const SAMPLED = `00-${TRACE}-${SPAN}-01`;
const NOT_SAMPLED = `00-${TRACE}-${SPAN}-00`;

type Headers = Record<string, string | string[]>;

async function get(port: number, headers: Headers, path = "/"): Promise<IncomingMessage> {
  return send(port, headers, `http://users${path}`);
}

async function send(port: number, headers: Headers, path: string): Promise<IncomingMessage> {
  const request = httpRequest({ host: "127.0.0.1", port, path, agent: false });
  for (const [name, value] of Object.entries(headers)) request.setHeader(name, value);
  request.end();
  const [message] = (await once(request, "response")) as [IncomingMessage];
  await bodyOf(message);
  return message;
}

/** Two sidecars, with a collector or without, and the program behind the second one on `port`. */
async function pair(port: number, receiver: OtlpReceiver | undefined, options: StartOptions = {}) {
  const tracings: Tracing[] = [];
  const witness = (name: string) => {
    const environment = receiver === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
    const tracing = createTracing({ environment, log: noLog });
    if (tracing !== undefined) tracings.push(tracing);
    return [createTraceWitness(tracing?.tracer({ name, namespace: "default", instance: `${name}-1`, version: "" }))];
  };
  const users: StartedProxy = await startProxy({
    self: { service: "users", namespace: "default" },
    inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port } },
    identity: identityOf(authority.issue("users")),
    witnesses: witness("users"),
  });
  const caller = await startProxy({
    identity: identityOf(authority.issue("caller")),
    routes: { users: [endpoint(users.proxy.inboundPort, { identity: spiffe("users") })] },
    witnesses: witness("caller"),
    ...options,
  });
  return {
    port: caller.proxy.outboundPort,
    caller,
    users,
    /** Everything that the collector has got. */
    async spans() {
      await Promise.all(tracings.map((tracing) => tracing.flush(5_000)));
      return receiver?.spans ?? [];
    },
    async [Symbol.asyncDispose]() {
      for (const tracing of tracings) tracing.close();
      await caller[Symbol.asyncDispose]();
      await users[Symbol.asyncDispose]();
    },
  };
}

/** A program that remembers the trace fields that it got. */
async function startListener() {
  const seen: Headers[] = [];
  const app = await startApp((request, response) => {
    const { traceparent, tracestate = "" } = request.headersDistinct;
    seen.push({ traceparent: traceparent ?? [], tracestate });
    response.end("ok");
  });
  return { port: app.port, seen, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

describe("without a collector", () => {
  const fields: readonly (readonly [string, string | string[]])[] = [
    ["a sampled trace", SAMPLED],
    ["one that nobody keeps", NOT_SAMPLED],
    ["a malformed field", "00-not a trace-01"],
    ["a field of a later version", `cc-${TRACE}-${SPAN}-01-more`],
    ["two fields", [SAMPLED, NOT_SAMPLED]],
  ];
  for (const [what, traceparent] of fields) {
    it(`${what} passes both sidecars untouched, with its state`, async () => {
      await using app = await startListener();
      await using mesh = await pair(app.port, undefined);
      await get(mesh.port, { TraceParent: traceparent, tracestate: ["a=1", "b=2"] });
      assert.deepEqual(app.seen, [{ traceparent: [traceparent].flat(), tracestate: ["a=1", "b=2"] }]);
    });
  }

  it("passes over HTTP/2 and gRPC as well, and a second try sends it again", async () => {
    const seen: unknown[] = [];
    await using app = await startHttp2((stream: ServerHttp2Stream, headers) => {
      seen.push([headers["traceparent"], headers["tracestate"]]);
      stream.respond({ ":status": 200 }, { endStream: true });
    });
    const dead = await closedPort();
    await using mesh = await startProxy({
      routes: { users: [endpoint(app.port), endpoint(dead)] },
      witnesses: [createTraceWitness(undefined)],
    });
    using client = http2Client(mesh.proxy.outboundPort);
    const trace = { traceparent: SAMPLED, tracestate: "a=1" };
    for (const extra of [{}, { "content-type": "application/grpc", te: "trailers", ":method": "POST" }, {}])
      await whole(client.open({ ...trace, ...extra }, { endStream: true }));
    assert.deepEqual(
      seen,
      [1, 2, 3].map(() => [SAMPLED, "a=1"]),
    );
    assert.ok(mesh.recorder.records.some(({ attempts }) => attempts > 1));
  });

  it("a request of a sampled trace is remembered as an example, no other one", async () => {
    await using app = await startListener();
    await using mesh = await pair(app.port, undefined);
    for (const traceparent of [SAMPLED, NOT_SAMPLED, "nonsense"]) await get(mesh.port, { traceparent });
    await get(mesh.port, {});
    for (const { recorder } of [mesh.caller, mesh.users]) {
      const ids = recorder.records.map(({ trace }) => trace?.traceId);
      assert.deepEqual(ids, [TRACE, undefined, undefined, undefined]);
    }
  });
});

describe("with a collector", () => {
  it("each side is a span below the one before, and the program is below the server's", async () => {
    await using receiver = await startOtlpReceiver();
    await using app = await startListener();
    await using mesh = await pair(app.port, receiver);
    await get(mesh.port, { traceparent: SAMPLED, tracestate: "a=1" }, "/users/42?secret=1");
    const spans = await mesh.spans();
    const client = spans.find(({ kind }) => kind === "client");
    const server = spans.find(({ kind }) => kind === "server");
    assert.deepEqual([client?.service, server?.service], ["caller", "users"]);
    assert.deepEqual([client?.traceId, server?.traceId], [TRACE, TRACE]);
    assert.deepEqual([client?.parentSpanId, server?.parentSpanId], [SPAN, client?.spanId]);
    assert.deepEqual(app.seen, [{ traceparent: [`00-${TRACE}-${server?.spanId}-01`], tracestate: ["a=1"] }]);
    assert.deepEqual([client?.name, client?.traceState, client?.error], ["GET /users/{id}", "a=1", undefined]);
    const { attributes = {} } = client ?? {};
    const { proxy } = mesh.users;
    assert.deepEqual(
      { ...attributes },
      {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": "/users/42",
        "url.full": "http://users/users/42",
        "server.address": "users",
        "server.port": 80,
        "network.peer.address": "127.0.0.1",
        "network.peer.port": proxy.inboundPort,
        "network.protocol.version": "1.1",
        "patchbay.tls": true,
      },
    );
    assert.equal(server?.attributes["patchbay.source.identity"], spiffe("caller"));
    assert.equal(server?.attributes["client.address"], "127.0.0.1");
    assert.ok(client && server && client.start <= client.end && client.start <= server.start + 5_000_000n);
  });

  it("a trace begins at the first sidecar when the program has none, and a malformed one is not gone on with", async () => {
    await using receiver = await startOtlpReceiver();
    await using app = await startListener();
    await using mesh = await pair(app.port, receiver);
    await get(mesh.port, {});
    await get(mesh.port, { traceparent: "00-nonsense-01", tracestate: "a=1" });
    await get(mesh.port, { traceparent: [SAMPLED, SAMPLED] });
    const spans = await mesh.spans();
    const roots = spans.filter(({ parentSpanId }) => parentSpanId === "");
    assert.deepEqual([spans.length, roots.length], [6, 3]);
    assert.ok(roots.every(({ kind, traceId }) => kind === "client" && traceId !== TRACE));
    for (const { traceparent, tracestate } of app.seen) {
      assert.equal(parseTraceparent(String(traceparent))?.sampled, true);
      assert.equal(String(tracestate), "", "the state belonged to the trace that was not one");
    }
  });

  it("a trace that nobody wants to keep passes untouched, without a span", async () => {
    await using receiver = await startOtlpReceiver();
    await using app = await startListener();
    await using mesh = await pair(app.port, receiver);
    await get(mesh.port, { traceparent: NOT_SAMPLED });
    assert.deepEqual(await mesh.spans(), []);
    assert.deepEqual(app.seen[0]?.["traceparent"], [NOT_SAMPLED]);
  });

  it("those who come later hear that a trace is not kept", async () => {
    const tracing = createTracing({
      environment: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", OTEL_TRACES_SAMPLER_ARG: "0" },
      log: noLog,
    });
    const tracer = tracing?.tracer({ name: "caller", namespace: "", instance: "", version: "" });
    await using app = await startListener();
    await using mesh = await startProxy({
      routes: { users: [endpoint(app.port)] },
      witnesses: [createTraceWitness(tracer)],
    });
    await get(mesh.proxy.outboundPort, {});
    assert.equal(parseTraceparent(String(app.seen[0]?.["traceparent"]))?.sampled, false);
    assert.deepEqual(tracing?.stats(), { sent: 0, dropped: 0, waiting: 0 });
    tracing?.close();
  });

  it("each try that failed is an event of the client's span", async () => {
    await using receiver = await startOtlpReceiver();
    await using app = await startListener();
    await using mesh = await pair(app.port, receiver, {
      routes: { users: [endpoint(app.port), endpoint(await closedPort())] },
    });
    await get(mesh.port, { traceparent: SAMPLED });
    const [span] = await mesh.spans();
    assert.equal(span?.attributes["http.request.resend_count"], 1);
    const [event] = span?.events ?? [];
    assert.deepEqual([event?.name, event?.attributes["patchbay.reason"]], ["retry", "connect"]);
  });

  it("errors are told by whose they are: a client's mistake is none of the server", async () => {
    await using receiver = await startOtlpReceiver();
    await using app = await startApp((request, response) => {
      response.writeHead(Number(request.url?.slice(1))).end();
    });
    await using mesh = await pair(app.port, receiver);
    for (const status of ["404", "503"]) await get(mesh.port, { traceparent: SAMPLED }, `/${status}`);
    const spans = await mesh.spans();
    const told = (kind: string) => spans.filter((span) => span.kind === kind).map(({ error }) => error);
    assert.deepEqual(
      [told("client"), told("server")],
      [
        ["404", "503"],
        [undefined, "503"],
      ],
    );
  });

  it("gRPC is named by its method and told by its own status", async () => {
    await using receiver = await startOtlpReceiver();
    await using app = await startHttp2((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "5" }, { endStream: true });
    });
    await using mesh = await pair(app.port, receiver);
    using client = http2Client(mesh.port);
    const headers = {
      "content-type": "application/grpc",
      te: "trailers",
      ":method": "POST",
      ":path": "/demo.v1.Cart/Add",
    };
    await whole(client.open({ ...headers, traceparent: SAMPLED }, { endStream: true }));
    const spans = await mesh.spans();
    for (const span of spans) {
      assert.equal(span.name, "demo.v1.Cart/Add");
      const { attributes } = span;
      assert.deepEqual(
        ["rpc.system", "rpc.service", "rpc.method", "rpc.grpc.status_code"].map((name) => attributes[name]),
        ["grpc", "demo.v1.Cart", "Add", 5],
      );
      // NOT_FOUND is the caller's error.
      assert.equal(span.error, span.kind === "client" ? "5" : undefined);
    }
    assert.equal(spans.length, 2);
  });

  it("a request that a policy refuses has a span that names it", async () => {
    await using receiver = await startOtlpReceiver();
    const tracing = createTracing({ environment: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, log: noLog });
    const tracer = tracing?.tracer({ name: "users", namespace: "default", instance: "u", version: "" });
    const answer = { status: 403, code: "denied", text: "no" };
    await using app = await startListener();
    await using users = await startProxy({
      inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port: app.port } },
      witnesses: [createTraceWitness(tracer)],
      guard: {
        request: () => ({ answer, extra: [], policy: "AuthorizationPolicy default/no-one" }),
        connection: () => undefined,
      },
    });
    const response = await send(users.proxy.inboundPort, { traceparent: SAMPLED }, "/");
    assert.equal(response.statusCode, 403);
    await tracing?.flush(5_000);
    const [span] = receiver.spans;
    assert.equal(span?.attributes["patchbay.policy"], "AuthorizationPolicy default/no-one");
    assert.equal(span?.attributes["http.response.status_code"], 403);
    tracing?.close();
  });
});
