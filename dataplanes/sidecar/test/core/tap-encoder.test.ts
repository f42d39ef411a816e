import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { ObserveResponseSchema } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { RequestProtocol } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import fc from "fast-check";
import type { RequestHead } from "../../src/core/http/request-head.ts";
import { encodeRequest } from "../../src/core/tap/tap-encoder.ts";
import { TapFacts } from "../../src/core/tap/tap-facts.ts";
import type { RequestRecord } from "../../src/core/types.ts";

const head: RequestHead = {
  method: "GET",
  path: "/cart?token=1",
  authority: "users",
  headers: ["X-Tenant", "größe", "Cookie", "id=1"],
  length: 0,
  upgrade: "",
  expectsContinue: false,
  trailers: false,
  grpc: false,
  announced: "",
  visited: "",
};

const record: RequestRecord = {
  direction: "outbound",
  source: "web",
  target: "users.staging",
  method: "GET",
  path: "/cart?token=1",
  status: 503,
  grpcStatus: 0,
  tls: true,
  latencyMs: 1_500.25,
  requestBytes: 10,
  responseBytes: 5_000_000_000,
  attempts: 2,
  opaque: false,
  backend: "users-next",
  endpoint: "127.0.0.1:9",
  error: "denied",
  policy: "AuthorizationPolicy a/b",
  trace: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" },
};

function encoded(change: Partial<RequestHead> = {}, ended: RequestRecord | null = record) {
  const peer = { name: "web", identity: "", address: "127.0.0.1:1" };
  const begun = { direction: "outbound", head: { ...head, ...change }, authority: "users", peer } as const;
  const self = { service: "web", namespace: "default", identity: () => "spiffe://cluster.local/ns/default/sa/web" };
  const facts = new TapFacts({ ...begun, version: 2, startedAt: 0 }, self);
  if (ended !== null) facts.complete(ended);
  const seen = {
    id: "7",
    proxy: "default/web/one",
    facts,
    startedAt: 1_700_000_000_250,
    head: undefined,
    record: ended ?? undefined,
  };
  return fromBinary(ObserveResponseSchema, encodeRequest(seen, { headers: new Set(["*"]), query: false }));
}

describe("a request on its way from the proxy", () => {
  it("is the message of the contract, field by field", () => {
    const expected = create(ObserveResponseSchema, {
      message: {
        case: "request",
        value: {
          id: "7",
          proxy: "default/web/one",
          source: {
            name: "web",
            namespace: "default",
            identity: "spiffe://cluster.local/ns/default/sa/web",
            address: "127.0.0.1:1",
          },
          target: { name: "users.staging", namespace: "staging", address: "127.0.0.1:9", backend: "users-next" },
          started: { seconds: 1_700_000_000n, nanos: 250_000_000 },
          method: "GET",
          authority: "users",
          path: "/cart",
          route: "GET /cart",
          protocol: RequestProtocol.HTTP2,
          status: 503,
          grpcStatus: 0,
          latency: { seconds: 1n, nanos: 500_250_000 },
          requestBytes: 10n,
          responseBytes: 5_000_000_000n,
          tls: true,
          attempts: 2,
          error: "denied",
          policy: "AuthorizationPolicy a/b",
          traceId: "0af7651916cd43dd8448eb211c80319c",
          requestHeaders: [
            { name: "x-tenant", value: "größe" },
            { name: "cookie", value: "<redacted>" },
          ],
        },
      },
    });
    assert.deepEqual(encoded(), expected);
  });

  it("says of one without an answer that it is open, and nothing of an answer", () => {
    const { message } = encoded({}, null);
    assert.ok(message.case === "request");
    assert.deepEqual([message.value.open, message.value.status, message.value.latency], [true, 0, undefined]);
  });

  it("can be read whatever a client has sent", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.array(fc.string({ unit: "binary" })), (path, headers) => {
        const { message } = encoded({ path, headers });
        assert.ok(message.case === "request");
        assert.equal(message.value.requestHeaders.length, headers.length >> 1);
      }),
    );
  });
});
