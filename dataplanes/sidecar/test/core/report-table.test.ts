import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { LATENCY_BUCKETS, latencyBucket } from "@patchbay/model";
import { Direction, type Report, ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import fc from "fast-check";
import { createRecorder } from "../../src/core/report/recorder.ts";
import { createReportTable, REPORT_LIMITS } from "../../src/core/report/report-table.ts";
import type { RequestRecord } from "../../src/core/types.ts";

const WINDOW = { bootId: "boot", sequence: 7, startMs: 1_000, endMs: 2_000, reporter: "default/web" };
const RECORD: RequestRecord = {
  direction: "outbound",
  source: "web",
  target: "users",
  method: "GET",
  path: "/users/1",
  status: 200,
  grpcStatus: undefined,
  tls: true,
  latencyMs: 3.5,
  requestBytes: 10,
  responseBytes: 100,
  attempts: 1,
  opaque: false,
};

function world(limits: Partial<typeof REPORT_LIMITS> = {}) {
  const table = createReportTable({ ...REPORT_LIMITS, buckets: LATENCY_BUCKETS, bucketOf: latencyBucket, ...limits });
  const recorder = createRecorder(table);
  const take = (): Report => {
    const bytes = table.take(WINDOW);
    assert.ok(bytes);
    return fromBinary(ReportSchema, bytes);
  };
  return { table, recorder, take };
}

describe("reports", () => {
  test("requests with equal labels are one row with their sums and buckets", () => {
    const { recorder, take } = world();
    recorder.request(RECORD);
    recorder.request({ ...RECORD, path: "/users/2", latencyMs: 70, attempts: 2 });
    const report = take();
    assert.equal(report.rows.length, 1);
    const row = report.rows[0];
    assert.ok(row);
    assert.equal(report.strings[row.route], "GET /users/{id}");
    assert.equal(report.strings[row.source], "web");
    assert.equal(report.strings[row.target], "users");
    assert.equal(report.strings[row.method], "GET");
    assert.deepEqual([row.count, row.retries, row.status, row.grpcStatus, row.tls], [2, 1, 200, undefined, true]);
    assert.deepEqual(row.latency, [latencyBucket(3.5), 1, latencyBucket(70), 1]);
    assert.deepEqual([row.latencySumUs, row.requestBytes, row.responseBytes], [73_500, 20, 200]);
    assert.equal(row.direction, Direction.OUTBOUND);
  });

  test("a report says who, which and when, and the first string is empty", () => {
    const { recorder, take } = world();
    recorder.request(RECORD);
    const report = take();
    assert.deepEqual([report.bootId, report.sequence, report.startMs, report.endMs], ["boot", 7n, 1_000n, 2_000n]);
    assert.equal(report.strings[report.reporter], "default/web");
    assert.equal(report.strings[0], "");
  });

  test("nothing seen is no report, and what was taken is not taken again", () => {
    const { table, recorder, take } = world();
    assert.equal(table.take(WINDOW), undefined);
    recorder.request(RECORD);
    take();
    assert.equal(table.take(WINDOW), undefined);
  });

  const failures: readonly (readonly [string, Partial<RequestRecord>, boolean])[] = [
    ["200", { status: 200 }, false],
    ["404", { status: 404 }, false],
    ["499, the client went away", { status: 499 }, false],
    ["500", { status: 500 }, true],
    ["no response", { status: 0 }, true],
    ["gRPC OK", { grpcStatus: 0 }, false],
    ["gRPC NOT_FOUND", { grpcStatus: 5 }, false],
    ["gRPC UNAVAILABLE", { grpcStatus: 14 }, true],
    ["gRPC UNKNOWN", { grpcStatus: 2 }, true],
    ["an opaque connection that ended", { opaque: true, status: 0 }, false],
    ["an opaque connection that could not be made", { opaque: true, status: 502 }, true],
  ];
  for (const [what, change, failed] of failures) {
    test(`${what} ${failed ? "is" : "is not"} a failure`, () => {
      const { recorder, take } = world();
      recorder.request({ ...RECORD, ...change });
      assert.equal(take().rows[0]?.failure, failed);
    });
  }

  test("opaque connections count as open from their begin to their end", () => {
    const { recorder, take } = world();
    const connection = { direction: "outbound", source: "web", target: "postgres", tls: false } as const;
    recorder.opened(connection);
    recorder.opened(connection);
    assert.deepEqual(
      take().rows.map((row) => [row.count, row.openDelta, row.opaque]),
      [[0, 2, true]],
    );
    recorder.request({ ...RECORD, ...connection, method: "", path: "", status: 0, opaque: true });
    assert.deepEqual(
      take().rows.map((row) => [row.count, row.openDelta, row.opaque]),
      [[1, -1, true]],
    );
  });

  test("paths of the world outside are no routes", () => {
    const { recorder, take } = world();
    recorder.request({ ...RECORD, target: "egress", path: "/one" });
    recorder.request({ ...RECORD, target: "egress", path: "/two" });
    const report = take();
    assert.deepEqual(
      report.rows.map((row) => report.strings[row.route]),
      ["GET *"],
    );
  });

  test("a source beyond its limit is counted in its overflow rows, and nothing is lost", () => {
    const { recorder, take } = world({ maxRowsPerSource: 10 });
    for (let i = 0; i < 1_000; i += 1) {
      recorder.request({
        ...RECORD,
        path: `/${String.fromCharCode(97 + (i % 26))}${String.fromCharCode(97 + (i >> 5))}`,
        status: i % 2 ? 200 : 503,
      });
    }
    recorder.request({ ...RECORD, source: "quiet" });
    const report = take();
    const name = (index: number) => report.strings[index];
    assert.equal(
      report.rows.reduce((sum, row) => sum + row.count, 0),
      1_001,
    );
    assert.equal(
      report.rows.filter((row) => row.failure).reduce((sum, row) => sum + row.count, 0),
      500,
    );
    const overflow = report.rows.filter((row) => name(row.target) === "overflow");
    assert.deepEqual(
      overflow
        .map((row) => [name(row.source), name(row.route), row.status])
        .toSorted((a, b) => Number(a[2]) - Number(b[2])),
      [
        ["web", "overflow", 200],
        ["web", "overflow", 500],
      ],
    );
    assert.ok(report.overflowed > 900);
    assert.ok(report.rows.some((row) => name(row.source) === "quiet" && name(row.target) === "users"));
  });

  test("a flood of sources, routes and long names stays under 420 KiB and 10,000 rows", () => {
    const { table, recorder } = world();
    for (let i = 0; i < 20_000; i += 1) {
      const word = "abcdefghij"
        .split("")
        .map((_, n) => String.fromCharCode(97 + ((i >> n) & 1) + n))
        .join("");
      recorder.request({
        ...RECORD,
        source: `${"s".repeat(300)}${i % 400}`,
        target: `${"ä".repeat(200)}${word}`,
        path: `/${word}/${word}`,
        latencyMs: i,
      });
    }
    const bytes = table.take(WINDOW);
    assert.ok(bytes && bytes.length < 430_080, `${bytes?.length}`);
    const report = fromBinary(ReportSchema, bytes);
    assert.ok(report.rows.length < 10_000);
    assert.equal(
      report.rows.reduce((sum, row) => sum + row.count, 0),
      20_000,
    );
    assert.ok(report.strings.every((text) => Buffer.byteLength(text) <= 1_024));
  });

  test("whatever is recorded, the sums of a report are those of its records", () => {
    const record = fc.record({
      source: fc.constantFrom("a", "b", "c"),
      path: fc.webPath(),
      status: fc.constantFrom(0, 200, 404, 500, 503),
      grpcStatus: fc.option(fc.nat(16), { nil: undefined }),
      latencyMs: fc.double({ min: 0, max: 1e5, noNaN: true }),
      attempts: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 60 }), (records) => {
        const { recorder, take } = world({ maxRowsPerSource: 3, maxRows: 5 });
        for (const each of records) recorder.request({ ...RECORD, ...each });
        const { rows } = take();
        const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + of(row), 0);
        assert.equal(
          sum((row) => row.count),
          records.length,
        );
        assert.equal(
          sum((row) => row.retries),
          records.filter((each) => each.attempts > 1).length,
        );
        assert.equal(
          sum((row) => row.latency.reduce((total, value, index) => (index % 2 ? total + value : total), 0)),
          records.length,
        );
      }),
    );
  });
});
