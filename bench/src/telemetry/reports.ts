import { create, toBinary } from "@bufbuild/protobuf";
import { Direction, ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";

/** What one report of a busy sidecar looks like: rows of several targets and routes, eight of 26 buckets filled. */
export function encodeRest(bootId: string, rowCount: number): Uint8Array {
  const targets = Array.from({ length: Math.min(10, rowCount) }, (_, index) => `target-${index}`);
  const routes = Array.from({ length: Math.min(25, rowCount) }, (_, index) => `GET /things/${index}/{id}`);
  const strings = ["", "default/web", "web", "GET", ...targets, ...routes];
  const rows = Array.from({ length: rowCount }, (_, row) => ({
    direction: Direction.OUTBOUND,
    source: 2,
    target: 4 + (row % targets.length),
    route: 4 + targets.length + (row % routes.length),
    method: 3,
    status: row % 4 === 3 ? 500 : 200,
    failure: row % 4 === 3,
    tls: true,
    count: 200 + row,
    retries: row % 3,
    latency: [1, 5, 2, 16, 3, 77, 4, 80, 5, 9, 6, 9, 7, 2, 9, 2 + row],
    latencySumUs: 2_345_678.5 * (row + 1),
    requestBytes: 12_345 * row,
    responseBytes: 123_456 * row,
  }));
  const now = BigInt(Date.now());
  return toBinary(
    ReportSchema,
    create(ReportSchema, { bootId, startMs: now - 1_000n, endMs: now, strings, rows, reporter: 1 }),
  );
}

/** The report with its sequence in front: fields may come in any order, so that all but these bytes is made once. */
export function withSequence(rest: Uint8Array, sequence: number): Uint8Array {
  const field = [0x10];
  let left = sequence;
  for (; left >= 0x80; left = Math.floor(left / 128)) field.push((left % 128) | 0x80);
  field.push(left);
  const report = new Uint8Array(field.length + rest.length);
  report.set(field);
  report.set(rest, field.length);
  return report;
}
