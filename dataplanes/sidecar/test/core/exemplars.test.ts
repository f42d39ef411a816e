import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { LATENCY_BUCKETS, latencyBucket } from "@patchbay/model";
import { ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { createExemplars } from "../../src/core/report/exemplar-table.ts";
import { createRecorder } from "../../src/core/report/recorder.ts";
import { createReportTable, REPORT_LIMITS } from "../../src/core/report/report-table.ts";
import type { RequestRecord } from "../../src/core/types.ts";

const RECORD: RequestRecord = {
  direction: "outbound",
  source: "web",
  target: "users",
  method: "GET",
  path: "/a",
  status: 200,
  grpcStatus: undefined,
  tls: true,
  latencyMs: 3,
  requestBytes: 0,
  responseBytes: 0,
  attempts: 1,
  opaque: false,
};
const trace = (n: number) => ({ traceId: n.toString(16).padStart(32, "0"), spanId: n.toString(16).padStart(16, "0") });

function world(max?: number) {
  const exemplars = createExemplars({
    bucketOf: latencyBucket,
    now: () => 1_234,
    ...(max === undefined ? {} : { max }),
  });
  const settings = { ...REPORT_LIMITS, buckets: LATENCY_BUCKETS, bucketOf: latencyBucket, parts: [exemplars] };
  const table = createReportTable(settings);
  const recorder = createRecorder(table);
  const take = () => {
    const bytes = table.take({ bootId: "b", sequence: 1, startMs: 0, endMs: 1, reporter: "default/web" });
    return bytes && fromBinary(ReportSchema, bytes);
  };
  return { recorder, take };
}

describe("examples in a report", () => {
  it("are requests with a trace, one for each row and latency bucket", () => {
    const { recorder, take } = world();
    recorder.request(RECORD);
    recorder.request({ ...RECORD, trace: trace(1) });
    recorder.request({ ...RECORD, trace: trace(2) });
    recorder.request({ ...RECORD, latencyMs: 500, trace: trace(3) });
    recorder.request({ ...RECORD, path: "/b", trace: trace(4) });
    const report = take();
    const found = report?.exemplars.map(({ row, latencyMs, traceId, spanId, atMs }) => [
      report.strings[report.rows[row]?.route ?? 0],
      latencyMs,
      Buffer.from(traceId).toString("hex"),
      Buffer.from(spanId).toString("hex"),
      atMs,
    ]);
    const line = (route: string, latencyMs: number, n: number) => [
      route,
      latencyMs,
      trace(n).traceId,
      trace(n).spanId,
      1_234n,
    ];
    assert.deepEqual(found, [line("GET /a", 3, 1), line("GET /a", 500, 3), line("GET /b", 3, 4)]);
  });

  it("are bounded, and begin anew with each report", () => {
    const { recorder, take } = world(2);
    for (let i = 1; i < 9; i += 1) recorder.request({ ...RECORD, path: `/p${"x".repeat(i)}`, trace: trace(i) });
    assert.equal(take()?.exemplars.length, 2);
    recorder.request({ ...RECORD, trace: trace(9) });
    assert.deepEqual(
      take()?.exemplars.map(({ row }) => row),
      [0],
    );
    recorder.request(RECORD);
    assert.deepEqual(take()?.exemplars, []);
    assert.equal(take(), undefined);
  });
});
