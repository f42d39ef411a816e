import { create, toBinary } from "@bufbuild/protobuf";
import { Direction, type Report, ReportSchema, RowSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { LATENCY_BUCKETS } from "@patchbay/wire";
import fc from "fast-check";
import { createReportDecoder } from "../../src/core/report-decoder.ts";
import { ReportTable } from "../../src/core/report-table.ts";

/** A row as tests write it: labels as text. */
export interface TestRow {
  readonly outbound: boolean;
  readonly source: string;
  readonly target: string;
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly grpcStatus: number;
  readonly tls: boolean;
  readonly opaque: boolean;
  readonly failure: boolean;
  readonly count: number;
  readonly retries: number;
  /** Pairs of bucket and count. */
  readonly latency: readonly number[];
  readonly latencySumUs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly openDelta: number;
}

export interface TestReport {
  readonly bootId: string;
  readonly sequence: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly reporter: string;
  readonly rows: readonly TestRow[];
}

export const aRow: TestRow = {
  outbound: true,
  source: "web",
  target: "users",
  route: "GET /users",
  method: "GET",
  status: 200,
  grpcStatus: 0,
  tls: true,
  opaque: false,
  failure: false,
  count: 1,
  retries: 0,
  latency: [1, 1],
  latencySumUs: 1_500,
  requestBytes: 10,
  responseBytes: 100,
  openDelta: 0,
};

export const aReport: TestReport = {
  bootId: "boot-1",
  sequence: 1,
  startMs: 1_700_000_000_000,
  endMs: 1_700_000_001_000,
  reporter: "default/web",
  rows: [aRow],
};

/** The report as a message, with the string table that its rows need. */
export function toMessage(report: TestReport): Report {
  const strings = [""];
  const index = (text: string): number => {
    const known = strings.indexOf(text);
    return known >= 0 ? known : strings.push(text) - 1;
  };
  const rows = report.rows.map(({ outbound, ...row }) =>
    create(RowSchema, {
      ...row,
      direction: outbound ? Direction.OUTBOUND : Direction.INBOUND,
      source: index(row.source),
      target: index(row.target),
      route: index(row.route),
      method: index(row.method),
      latency: [...row.latency],
    }),
  );
  const { bootId, sequence, startMs, endMs } = report;
  const numbers = { sequence: BigInt(sequence), startMs: BigInt(startMs), endMs: BigInt(endMs) };
  const reporter = index(report.reporter);
  return create(ReportSchema, { bootId, ...numbers, rows, reporter, strings });
}

export function encode(report: TestReport): Uint8Array {
  return toBinary(ReportSchema, toMessage(report));
}

const decode = createReportDecoder();

export function decoded(report: TestReport): ReportTable {
  const table = new ReportTable();
  decode(encode(report), table);
  return table;
}

const label = fc.constantFrom("", "web", "users", "orders", "GET /a", "GET /b", "größe", "unknown");

export const rowArbitrary: fc.Arbitrary<TestRow> = fc.record({
  outbound: fc.boolean(),
  source: label,
  target: label,
  route: label,
  method: label,
  status: fc.constantFrom(0, 100, 200, 404, 500, 599),
  grpcStatus: fc.nat(17),
  tls: fc.boolean(),
  opaque: fc.boolean(),
  failure: fc.boolean(),
  count: fc.nat(1_000),
  retries: fc.nat(10),
  latency: fc.array(fc.tuple(fc.nat(LATENCY_BUCKETS - 1), fc.nat(100)), { maxLength: 5 }).map((pairs) => pairs.flat()),
  latencySumUs: fc.nat(1_000_000),
  requestBytes: fc.nat(1_000_000),
  responseBytes: fc.nat(1_000_000),
  openDelta: fc.integer({ min: -3, max: 3 }),
});

export const reportArbitrary: fc.Arbitrary<TestReport> = fc
  .record({
    bootId: fc.constantFrom("boot-a", "boot-b", "boot-c"),
    sequence: fc.integer({ min: 1, max: 1_000 }),
    startMs: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
    lengthMs: fc.integer({ min: 0, max: 20_000 }),
    reporter: fc.constantFrom("default/web", "demo/users"),
    rows: fc.array(rowArbitrary, { maxLength: 8 }),
  })
  .map(({ lengthMs, ...report }) => ({ ...report, endMs: report.startMs + lengthMs }));
