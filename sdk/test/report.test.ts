import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { Outcome } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { EndpointChangedSchema, PluginStateChangedSchema } from "@patchbay/proto/mesh/event/v1/event_pb";
import { Direction, ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import fc from "fast-check";
import { createLocalHost } from "../src/host/local-host.ts";
import { definePlugin, type Report } from "../src/index.ts";
import { decodeEvent } from "../src/model/events.ts";
import { readLatency } from "../src/model/latency.ts";
import { createTestLog } from "../src/test/test-log.ts";

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
        { source: 99, grpcStatus: 0, count: 1 },
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
    resolver: "workloads",
    outcome: Outcome.ENDPOINTS,
    endpoints: [{ address: "10.0.0.1", port: 80 }],
    version: "v",
  });
  assert.deepEqual(decodeEvent("endpoint", toBinary(EndpointChangedSchema, change)), {
    authority: "users.default.svc.cluster.local:80",
    resolver: "workloads",
    outcome: "endpoints",
    endpoints: [{ address: "10.0.0.1", port: 80, weight: 1 }],
    version: "v",
  });
  const state = create(PluginStateChangedSchema, { name: "hosts", state: State.GONE, at: { seconds: 5n } });
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

const u32 = fc.nat({ max: 4_294_967_295 });
const anyRow = fc.record({
  direction: fc.constantFrom(Direction.UNSPECIFIED, Direction.OUTBOUND, Direction.INBOUND),
  source: fc.nat({ max: 6 }),
  target: fc.nat({ max: 6 }),
  route: u32,
  method: fc.nat({ max: 6 }),
  status: u32,
  grpcStatus: fc.option(fc.nat({ max: 17 }), { nil: undefined }),
  tls: fc.boolean(),
  count: u32,
  retries: u32,
  latency: fc.array(fc.nat({ max: 30 }), { maxLength: 12 }),
  latencySumUs: fc.double({ noNaN: true, min: 0 }),
  requestBytes: fc.double({ noNaN: true }),
  responseBytes: fc.double({ noNaN: true }),
  opaque: fc.boolean(),
  openDelta: fc.integer(),
  failure: fc.boolean(),
});

test("decoding by hand gives what the generated code gives, whatever the report", () => {
  const anyReport = fc.record({
    bootId: fc.string(),
    sequence: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    startMs: fc.bigInt({ min: 0n, max: 2n ** 42n }),
    endMs: fc.bigInt({ min: 0n, max: 2n ** 42n }),
    strings: fc.array(fc.string(), { maxLength: 5 }),
    rows: fc.array(anyRow, { maxLength: 5 }),
    overflowed: u32,
    reporter: fc.nat({ max: 6 }),
  });
  fc.assert(
    fc.property(anyReport, fc.uint8Array({ maxLength: 9 }), (init, unknown) => {
      const message = create(ReportSchema, init);
      const data = toBinary(ReportSchema, message);
      // A field of a later contract, with the number 1000, in front and behind.
      const later = Buffer.concat([Buffer.from([0xc2, 0x3e, unknown.length]), unknown]);
      const report = decodeEvent("report", Buffer.concat([later, data, later]));
      const text = (index: number) => message.strings[index] ?? "";
      assert.equal(report.id, `${message.bootId}:${message.sequence}`);
      assert.equal(report.reporter, text(message.reporter));
      assert.equal(report.start.getTime(), Number(message.startMs));
      assert.equal(report.rows.length, message.rows.length);
      for (const [index, row] of message.rows.entries()) {
        assert.deepEqual(report.rows[index], {
          direction: row.direction === Direction.INBOUND ? "inbound" : "outbound",
          source: text(row.source),
          target: text(row.target),
          route: text(row.route),
          method: text(row.method),
          status: row.status,
          tls: row.tls,
          opaque: row.opaque,
          requests: row.count,
          failures: row.failure ? row.count : 0,
          retries: row.retries,
          latency: readLatency(row.latency, row.latencySumUs),
          requestBytes: row.requestBytes,
          responseBytes: row.responseBytes,
          openConnectionsChange: row.openDelta,
          ...(row.grpcStatus !== undefined && { grpcStatus: row.grpcStatus }),
        });
      }
    }),
  );
});

test("bytes at random are a report or refused, and never anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (data) => {
      try {
        decodeEvent("report", data);
      } catch (error) {
        assert.ok(error instanceof Error);
      }
    }),
  );
});

test("bytes that are no report are refused", () => {
  assert.throws(() => decodeEvent("report", new Uint8Array([255, 255, 255])));
});

function smallReport(): Report {
  const rows = [{ source: 1, count: 2, latency: [0, 2], latencySumUs: 1_000 }];
  return decodeEvent(
    "report",
    toBinary(ReportSchema, create(ReportSchema, { bootId: "b", strings: ["", "web"], rows })),
  );
}

test("what is decoded late looks like any other property, read or not", () => {
  const plain = {
    id: "b:0",
    reporter: "",
    start: new Date(0),
    end: new Date(0),
    overflowed: 0,
    rows: [
      {
        direction: "outbound",
        source: "web",
        target: "",
        route: "",
        method: "",
        status: 0,
        tls: false,
        opaque: false,
        requests: 2,
        failures: 0,
        retries: 0,
        requestBytes: 0,
        responseBytes: 0,
        openConnectionsChange: 0,
        latency: { count: 2, mean: 0.5, p50: 0.5, p95: 0.95, p99: 0.99, buckets: [{ upTo: 1, count: 2 }] },
      },
    ],
  };
  assert.deepEqual(smallReport(), plain);
  assert.deepEqual({ ...smallReport() }, plain);
  assert.deepEqual(structuredClone(smallReport()), plain);
  assert.deepEqual(Object.keys(smallReport()), Object.keys(plain));
  assert.equal(JSON.stringify(smallReport()), JSON.stringify(plain));
  assert.equal(inspect(smallReport(), { depth: null }), inspect(plain, { depth: null }));
  const report = smallReport();
  assert.equal(report.rows, report.rows, "decoded once");
  assert.equal(report.rows[0]?.latency, report.rows[0]?.latency);
});

test("a row that cannot be decoded ends the event for good, whoever reads it", async () => {
  // An outline without a fault, with a row whose number never ends.
  const data = new Uint8Array([0x32, 0x02, 0x10, 0xff]);
  const host = createLocalHost(
    definePlugin({ name: "sink", on: { report: ({ rows }) => void rows } }),
    createTestLog(),
  );
  const event = { name: "report", id: "1", subject: "s", time: 0, data, attempt: 1, pending: 0 } as const;
  const result = await host.deliver(event, new AbortController().signal);
  assert.equal(result.status, "permanent");
  assert.match("reason" in result ? result.reason : "", /cannot be decoded: byte 4: the message ends within a value/);
});
