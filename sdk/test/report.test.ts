import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { EndpointChangedSchema, PluginStateChangedSchema } from "@patchbay/proto/mesh/event/v1/event_pb";
import { Direction, ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import fc from "fast-check";
import { decodeEvent } from "../src/model/events.ts";
import { readLatency } from "../src/model/latency.ts";

test("a report has names instead of indices, and numbers that need no table", () => {
  const data = toBinary(
    ReportSchema,
    create(ReportSchema, {
      bootId: "b00t",
      sequence: 7n,
      startMs: 1_000n,
      endMs: 2_000n,
      strings: ["", "web", "orders", "GET /cart", "GET", "default/web"],
      reporter: 5,
      overflowed: 2,
      rows: [
        {
          direction: Direction.INBOUND,
          source: 1,
          target: 2,
          route: 3,
          method: 4,
          status: 503,
          tls: true,
          count: 4,
          retries: 1,
          latency: [0, 1, 5, 3],
          latencySumUs: 22_000,
          requestBytes: 10,
          responseBytes: 20,
          openDelta: -1,
          failure: true,
        },
        { source: 99, grpcStatus: 1, count: 1 },
      ],
    }),
  );
  const report = decodeEvent("report", data);
  assert.deepEqual(
    { ...report, rows: [] },
    {
      id: "b00t:7",
      reporter: "default/web",
      start: new Date(1_000),
      end: new Date(2_000),
      rows: [],
      overflowed: 2,
    },
  );
  const [row, grpc] = report.rows;
  assert.deepEqual(
    { ...row, latency: undefined },
    {
      direction: "inbound",
      source: "web",
      target: "orders",
      route: "GET /cart",
      method: "GET",
      status: 503,
      tls: true,
      opaque: false,
      requests: 4,
      failures: 4,
      retries: 1,
      latency: undefined,
      requestBytes: 10,
      responseBytes: 20,
      openConnectionsChange: -1,
    },
  );
  assert.deepEqual(row?.latency.buckets, [
    { upTo: 1, count: 1 },
    { upTo: 10, count: 3 },
  ]);
  assert.equal(row.latency.mean, 5.5);
  assert.equal(grpc?.source, "", "an index out of the table names nothing");
  assert.equal(grpc.grpcStatus, 0, "0 is a gRPC status too");
});

test("other events are plain objects", () => {
  const change = create(EndpointChangedSchema, {
    authority: "users.default.svc.cluster.local:80",
    link: "workloads",
    outcome: "endpoints",
    endpoints: [{ address: "10.0.0.1", port: 80 }],
    version: "v",
  });
  assert.deepEqual(decodeEvent("endpoint", toBinary(EndpointChangedSchema, change)), {
    authority: "users.default.svc.cluster.local:80",
    link: "workloads",
    outcome: "endpoints",
    endpoints: [{ address: "10.0.0.1", port: 80, weight: 1 }],
    version: "v",
  });
  const state = create(PluginStateChangedSchema, { name: "hosts", state: "gone", at: { seconds: 5n } });
  assert.deepEqual(decodeEvent("plugin", toBinary(PluginStateChangedSchema, state)), {
    name: "hosts",
    instance: "",
    version: "",
    state: "gone",
    previous: "",
    reason: "",
    at: new Date(5_000),
  });
});

test("percentiles lie in their bucket, do not decrease, and count what is there", () => {
  const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 1_000 })), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(pairs, (list) => {
      const latency = readLatency(list.flat(), 0);
      const counted = list.filter(([index]) => index <= 25).reduce((sum, [, count]) => sum + count, 0);
      assert.equal(latency.count, counted);
      assert.ok(latency.p50 <= latency.p95 && latency.p95 <= latency.p99);
      const highest = latency.buckets.at(-1)?.upTo ?? 0;
      assert.ok(latency.p99 <= highest);
      assert.ok(Number.isFinite(latency.p99));
    }),
  );
});

test("bytes that are no report are refused", () => {
  assert.throws(() => decodeEvent("report", new Uint8Array([255, 255, 255])));
});
