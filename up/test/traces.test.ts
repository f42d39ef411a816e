import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { demoServices } from "@patchbay/demo";
import { readDevelopmentKey } from "@patchbay/process";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "@patchbay/runtime/test/otlp-receiver";
import { type Sidecar, startSidecar } from "@patchbay/sidecar";
import { noLog } from "@patchbay/wire";
import { runFleet, startMesh } from "../src/index.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

/** Asks web through a sidecar, as part of the trace. */
function ask({ outboundPort: port }: Sidecar, method: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { host: "web", traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: "vendor=1" };
    const call = request({ host: "127.0.0.1", port, method, path: `http://web${path}`, headers, agent: false });
    call.once("error", reject).once("response", (response) => {
      response.resume().once("close", () => resolve(response.statusCode ?? 0));
    });
    call.end();
  });
}

describe("a trace of the demo", () => {
  const stack = new AsyncDisposableStack();
  let receiver: OtlpReceiver;
  const spans = (): ReceivedSpan[] => receiver.spans.filter(({ traceId }) => traceId === TRACE);

  before(async () => {
    receiver = stack.use(await startOtlpReceiver());
    const stateDir = await mkdtemp(join(tmpdir(), "patchbay-traces-"));
    stack.defer(() => rm(stateDir, { recursive: true, force: true }));
    const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SERVICE_NAME: "not-this" };
    const mesh = stack.use(await startMesh({ stateDir, env }));
    const programs = demoServices.filter(({ serves }) => serves);
    const fleet = await runFleet({ programs, registry: mesh.address, stateDir, env });
    stack.defer(() => fleet.stop());
    const key = await readDevelopmentKey(stateDir);
    const caller = await startSidecar({ registry: mesh.address, key, name: "till", environment: env, log: noLog });
    for (const [method, path] of [
      ["GET", "/?user=7"],
      ["GET", "/products/7"],
      ["POST", "/cart?user=7"],
      ["POST", "/checkout?method=card"],
    ] as const)
      assert.equal(await ask(caller, method, path), 200, path);
    await caller.stop();
    const end = performance.now() + 20_000;
    while (spans().length < 16 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
  });
  after(() => stack.disposeAsync());

  it("joins all services: the client's and the server's side of every request, nothing twice", () => {
    const seen = spans().map(({ service, kind, name }) => `${service} ${kind} ${name}`);
    const path = (name: string, [callee, inner]: readonly [string, string]) => [
      `till client ${name}`,
      `web server ${name}`,
      `web client ${inner}`,
      `${callee} server ${inner}`,
    ];
    const expected = [
      path("GET /", ["users", "GET /users/{id}"]),
      path("GET /products/{id}", ["catalog", "GET /products/{id}"]),
      path("POST /cart", ["cart", "demo.v1.Cart/Add"]),
      path("POST /checkout", ["payments", "POST /charge/card"]),
    ].flat();
    assert.deepEqual(seen.sort(), expected.sort());
  });

  it("has each span below the one that caused it", () => {
    const byId = new Map(spans().map((span) => [span.spanId, span]));
    for (const span of spans()) {
      assert.equal(span.traceState, "vendor=1");
      assert.equal(span.error, undefined);
      const parent = byId.get(span.parentSpanId);
      if (span.service === "till") {
        assert.equal(span.parentSpanId, SPAN);
        continue;
      }
      assert.ok(parent, `${span.service} ${span.name} has its parent in the trace`);
      if (span.kind === "client") assert.deepEqual([parent.kind, parent.service], ["server", span.service]);
      else assert.deepEqual([parent.kind, parent.name], ["client", span.name]);
    }
  });
});
