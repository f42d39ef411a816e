import { create, toBinary } from "@bufbuild/protobuf";
import { LATENCY_BUCKETS } from "@patchbay/model";
import { Direction, type Report, ReportSchema, RowSchema, Verdict } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import fc from "fast-check";
import { createReportDecoder } from "../../src/core/decode/report-decoder.ts";
import { ReportTable } from "../../src/core/decode/report-table.ts";

/** A row as tests write it: labels as text. */
export interface TestRow {
  readonly outbound: boolean;
  readonly source: string;
  readonly target: string;
  /** Empty: the target itself. */
  readonly backend: string;
  readonly route: string;
  readonly method: string;
  readonly status: number;
  /** Undefined: not gRPC. */
  readonly grpcStatus: number | undefined;
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

export interface TestExemplar {
  readonly row: number;
  readonly latencyMs: number;
  /** Hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  readonly atMs: number;
}

export interface TestHealth {
  readonly target: string;
  readonly backend: string;
  readonly endpoints: number;
  readonly ejected: number;
  readonly outstanding: number;
  readonly retryBudget: number;
  readonly ejections: number;
  readonly refused: number;
  readonly overloads: number;
  readonly retries: number;
  readonly retriesDenied: number;
}

export interface TestDecision {
  readonly policy: string;
  readonly source: string;
  readonly verdict: Verdict;
  readonly count: number;
}

export interface TestReport {
  readonly bootId: string;
  readonly sequence: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly reporter: string;
  readonly rows: readonly TestRow[];
  readonly exemplars?: readonly TestExemplar[];
  readonly health?: readonly TestHealth[];
  readonly decisions?: readonly TestDecision[];
}

export const aRow: TestRow = {
  outbound: true,
  source: "web",
  target: "users",
  backend: "",
  route: "GET /users",
  method: "GET",
  status: 200,
  grpcStatus: undefined,
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

export const anExemplar: TestExemplar = {
  row: 0,
  latencyMs: 1.5,
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  atMs: 1_700_000_000_500,
};

export const aTargetsHealth: TestHealth = {
  target: "users",
  backend: "",
  endpoints: 3,
  ejected: 1,
  outstanding: 4,
  retryBudget: 12.5,
  ejections: 1,
  refused: 2,
  overloads: 3,
  retries: 4,
  retriesDenied: 5,
};

export const aDecision: TestDecision = {
  policy: "AuthorizationPolicy default/no-staging",
  source: "web",
  verdict: Verdict.DENIED,
  count: 1,
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
  const rows = report.rows.map(({ outbound, grpcStatus, ...row }) =>
    create(RowSchema, {
      ...row,
      ...(grpcStatus === undefined ? {} : { grpcStatus }),
      direction: outbound ? Direction.OUTBOUND : Direction.INBOUND,
      source: index(row.source),
      target: index(row.target),
      backend: index(row.backend),
      route: index(row.route),
      method: index(row.method),
      latency: [...row.latency],
    }),
  );
  const { bootId, sequence, startMs, endMs } = report;
  const numbers = { sequence: BigInt(sequence), startMs: BigInt(startMs), endMs: BigInt(endMs) };
  const exemplars = (report.exemplars ?? []).map(({ traceId, spanId, atMs, ...exemplar }) => ({
    ...exemplar,
    traceId: bytesOf(traceId),
    spanId: bytesOf(spanId),
    atMs: BigInt(atMs),
  }));
  const health = (report.health ?? []).map((entry) => ({
    ...entry,
    target: index(entry.target),
    backend: index(entry.backend),
  }));
  const decisions = (report.decisions ?? []).map((decision) => ({
    ...decision,
    policy: index(decision.policy),
    source: index(decision.source),
  }));
  const reporter = index(report.reporter);
  return create(ReportSchema, { bootId, ...numbers, rows, reporter, strings, exemplars, health, decisions });
}

export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
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
  backend: label,
  route: label,
  method: label,
  status: fc.constantFrom(0, 100, 200, 404, 500, 599),
  grpcStatus: fc.option(fc.nat(16), { nil: undefined }),
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

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((value) => Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join(""));

const exemplarArbitrary: fc.Arbitrary<TestExemplar> = fc.record({
  row: fc.nat(20),
  latencyMs: fc.double({ min: 0, max: 60_000, noNaN: true }),
  traceId: hex(16),
  spanId: hex(8),
  atMs: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
});

const some = fc.nat(100);

export const healthArbitrary: fc.Arbitrary<TestHealth> = fc.record({
  target: label,
  backend: label,
  endpoints: some,
  ejected: some,
  outstanding: some,
  retryBudget: fc.nat(1_000).map((tenths) => tenths / 8),
  ejections: some,
  refused: some,
  overloads: some,
  retries: some,
  retriesDenied: some,
});

export const decisionArbitrary: fc.Arbitrary<TestDecision> = fc.record({
  policy: fc.constantFrom("default", "AuthorizationPolicy default/a", "RateLimitPolicy demo/b"),
  source: label,
  verdict: fc.constantFrom(...Object.values(Verdict).filter((verdict) => verdict !== Verdict.UNSPECIFIED)),
  count: some,
});

/** Reports that say something beside their rows. */
export const fullReportArbitrary: fc.Arbitrary<TestReport> = fc
  .record({
    report: reportArbitrary,
    exemplars: fc.array(exemplarArbitrary, { maxLength: 3 }),
    health: fc.array(healthArbitrary, { maxLength: 4 }),
    decisions: fc.array(decisionArbitrary, { maxLength: 4 }),
  })
  .map(({ report, exemplars, health, decisions }) => {
    const rows = report.rows.length;
    const placed = rows === 0 ? [] : exemplars.map((exemplar) => ({ ...exemplar, row: exemplar.row % rows }));
    return { ...report, exemplars: placed, health, decisions };
  });
