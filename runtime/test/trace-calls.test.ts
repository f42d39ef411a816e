import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Health, HealthCheckResponse_ServingStatus } from "@patchbay/proto/grpc/health/v1/health_pb";
import { appOf } from "@patchbay/testkit";
import { createTransport, mintToken, noLog } from "@patchbay/wire";
import { type App, createInProcessTransport, createLog, createTokenCheck, serve } from "../src/index.ts";
import { traceProcess } from "../src/trace/process-traces.ts";
import { type TracerOf, traceCalls } from "../src/trace/rpc-traces.ts";
import { type OtlpReceiver, startOtlpReceiver } from "./support/otlp-receiver.ts";

const key = new Uint8Array(32).fill(7);
const check = createTokenCheck({ key });
const expiresAt = Date.now() + 60_000;
const token = (kind: "operator" | "core") =>
  mintToken(key, { kind, namespace: "default", name: "x", instance: "1", expiresAt });
const parent = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
const { SERVING } = HealthCheckResponse_ServingStatus;

function healthApp(answer: (service: string) => Promise<void>): App {
  return appOf("sample", {
    routes: (router) =>
      router.service(Health, {
        async check({ service }) {
          await answer(service);
          return { status: SERVING };
        },
      }),
  });
}

const fields =
  (values: Record<string, string>): Interceptor =>
  (next) =>
  (request) => {
    for (const [name, value] of Object.entries(values)) request.header.set(name, value);
    return next(request);
  };

/** A front that asks a back, over the network, and logs; `call` asks the front with these fields. */
async function world(tracerOf: TracerOf, seen: string[] = []) {
  const lines: string[] = [];
  const log = createLog({ name: "front", destination: { write: (line) => void lines.push(line) } });
  const back = await serve({
    apps: [
      healthApp(async (service) => {
        if (service === "broken") throw new ConnectError("on purpose", Code.Internal);
      }),
    ],
    check,
    log: noLog,
    metrics: async () => "",
    drainMs: 0,
    tracerOf,
  });
  const note: Interceptor = (next) => (request) => {
    seen.push(request.header.get("traceparent") ?? "");
    return next(request);
  };
  const toBack = createTransport({
    address: back.address,
    token: () => token("core"),
    interceptors: [traceCalls, note],
  });
  const front = healthApp(async (service) => {
    log.info({}, "asked");
    await createClient(Health, toBack).check({ service });
  });
  const server = await serve({ apps: [front], check, log: noLog, metrics: async () => "", drainMs: 0, tracerOf });
  const transport = (kind: "operator" | "core", values: Record<string, string>): Transport =>
    createConnectTransport({
      baseUrl: server.address,
      httpVersion: "2",
      interceptors: [fields({ authorization: `Bearer ${token(kind)}`, ...values })],
    });
  return {
    front,
    lines,
    call: (kind: "operator" | "core", values: Record<string, string> = {}, service = "") =>
      createClient(Health, transport(kind, values)).check({ service }),
    async [Symbol.asyncDispose]() {
      toBack.close();
      await server.stop();
      await back.stop();
    },
  };
}

function traces(receiver: OtlpReceiver) {
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
  const made = traceProcess({ environment, version: "0.1.0", log: noLog });
  assert.ok(made);
  return made;
}

const traceparent = `00-${parent.traceId}-${parent.spanId}-01`;

describe("calls between core services", () => {
  it("join the trace of whoever calls: handler, call and the next handler, each below the one before", async () => {
    await using receiver = await startOtlpReceiver();
    const made = traces(receiver);
    {
      await using mesh = await world(made.tracerOf);
      await mesh.call("operator", { traceparent, tracestate: "vendor=1" });
    }
    await made.stop();
    const [back, client, front] = receiver.spans;
    assert.equal(receiver.spans.length, 3);
    assert.deepEqual(
      [front, client, back].map((span) => [span?.kind, span?.name, span?.traceId, span?.traceState]),
      ["server", "client", "server"].map((kind) => [kind, "grpc.health.v1.Health/Check", parent.traceId, "vendor=1"]),
    );
    assert.deepEqual(
      [front?.parentSpanId, client?.parentSpanId, back?.parentSpanId],
      [parent.spanId, front?.spanId, client?.spanId],
    );
    assert.deepEqual([front?.service, front?.namespace], ["health", "patchbay"]);
    assert.equal(front?.error, undefined);
  });

  it("begin a trace for people, not for what services ask on their own account", async () => {
    await using receiver = await startOtlpReceiver();
    const made = traces(receiver);
    {
      await using mesh = await world(made.tracerOf);
      await mesh.call("core");
      await mesh.call("operator");
    }
    await made.stop();
    assert.equal(receiver.spans.length, 3);
    assert.equal(new Set(receiver.spans.map(({ traceId }) => traceId)).size, 1);
    assert.equal(receiver.spans.at(-1)?.parentSpanId, "");
  });

  it("tell what failed", async () => {
    await using receiver = await startOtlpReceiver();
    const made = traces(receiver);
    {
      await using mesh = await world(made.tracerOf);
      await assert.rejects(mesh.call("operator", { traceparent }, "broken"));
    }
    await made.stop();
    assert.deepEqual(
      receiver.spans.map(({ error, attributes }) => [error, attributes["rpc.connect_rpc.error_code"]]),
      [
        ["internal", "internal"],
        ["internal", "internal"],
        ["internal", "internal"],
      ],
    );
  });

  it("pass the trace on as it came when no collector is configured, and make nothing of a malformed one", async () => {
    const seen: string[] = [];
    await using mesh = await world(undefined, seen);
    await mesh.call("operator", { traceparent });
    await mesh.call("operator", { traceparent: "00-not-a-trace-01" });
    await mesh.call("operator");
    assert.deepEqual(seen, [traceparent, "", ""]);
  });

  it("make no spans of a trace that nobody wants to keep", async () => {
    await using receiver = await startOtlpReceiver();
    const made = traces(receiver);
    {
      await using mesh = await world(made.tracerOf);
      await mesh.call("operator", { traceparent: traceparent.replace(/01$/, "00") });
    }
    await made.stop();
    assert.deepEqual(receiver.spans, []);
  });

  it("log with the trace's ID on the way, with a collector or without", async () => {
    await using mesh = await world(undefined);
    await mesh.call("operator", { traceparent });
    await mesh.call("operator");
    const transport = createInProcessTransport({ app: mesh.front, check, token: () => token("operator") });
    await createClient(Health, transport).check({}, { headers: { traceparent } });
    const ids = mesh.lines.map((line) => (JSON.parse(line) as { traceId?: string }).traceId);
    assert.deepEqual(ids, [parent.traceId, undefined, parent.traceId]);
  });
});
