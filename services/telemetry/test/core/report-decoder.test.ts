import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Direction, type Report, ReportSchema, RowSchema, Verdict } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import fc from "fast-check";
import { createReportDecoder } from "../../src/core/decode/report-decoder.ts";
import { ReportError } from "../../src/core/decode/report-error.ts";
import type { ReportExtras } from "../../src/core/decode/report-extras.ts";
import * as extra from "../../src/core/decode/report-extras.ts";
import * as column from "../../src/core/decode/report-table.ts";
import { FLOATS, INTS, ReportTable } from "../../src/core/decode/report-table.ts";
import {
  MAX_DECISIONS,
  MAX_EXEMPLARS,
  MAX_HEALTH,
  MAX_REPORT_BYTES,
  MAX_ROWS,
  MAX_STRING_BYTES,
  MAX_STRINGS,
} from "../../src/core/limits.ts";
import {
  aDecision,
  anExemplar,
  aReport,
  aRow,
  aTargetsHealth,
  bytesOf,
  encode,
  fullReportArbitrary,
  toMessage,
} from "../support/reports.ts";

const decode = createReportDecoder();

function decodeBytes(bytes: Uint8Array): ReportTable {
  const table = new ReportTable();
  decode(bytes, table);
  return table;
}

/** What a table holds, in the shape of the generated message. */
function asMessage(table: ReportTable): Report {
  const text = new TextDecoder();
  const strings = Array.from({ length: table.stringCount }, (_, index) =>
    text.decode(table.bytes.subarray(table.stringSpans[index * 2], table.stringSpans[index * 2 + 1])),
  );
  const rows = Array.from({ length: table.rowCount }, (_, row) => {
    const int = (at: number): number => table.ints[row * INTS + at] ?? 0;
    const float = (at: number): number => table.floats[row * FLOATS + at] ?? 0;
    const from = row === 0 ? 0 : table.latencyEnds[row - 1];
    return create(RowSchema, {
      direction: int(column.DIRECTION) === 1 ? Direction.OUTBOUND : Direction.INBOUND,
      source: int(column.SOURCE),
      target: int(column.TARGET),
      backend: int(column.BACKEND),
      route: int(column.ROUTE),
      method: int(column.METHOD),
      status: int(column.STATUS),
      ...(int(column.GRPC_STATUS) > 0 && { grpcStatus: int(column.GRPC_STATUS) - 1 }),
      tls: int(column.TLS) === 1,
      opaque: int(column.OPAQUE) === 1,
      failure: int(column.FAILURE) === 1,
      count: int(column.COUNT),
      retries: int(column.RETRIES),
      latency: [...table.latency.subarray(from, table.latencyEnds[row])],
      latencySumUs: float(column.LATENCY_SUM_US),
      requestBytes: float(column.REQUEST_BYTES),
      responseBytes: float(column.RESPONSE_BYTES),
      openDelta: float(column.OPEN_DELTA),
    });
  });
  return create(ReportSchema, {
    bootId: table.bootId,
    sequence: BigInt(table.sequence),
    startMs: BigInt(table.startMs),
    endMs: BigInt(table.endMs),
    strings,
    rows,
    overflowed: table.overflowed,
    reporter: strings.indexOf(table.reporter),
    ...extrasAsMessage(table.extras),
  });
}

const verdicts = Object.values(Verdict);

function extrasAsMessage({ exemplars, health, retryBudgets, decisions, ...counts }: ReportExtras) {
  return {
    exemplars: exemplars.map(({ traceId, spanId, atMs, ...exemplar }) => ({
      ...exemplar,
      traceId: bytesOf(traceId),
      spanId: bytesOf(spanId),
      atMs: BigInt(atMs),
    })),
    health: Array.from({ length: counts.healthCount }, (_, entry) => {
      const int = (at: number): number => health[entry * extra.HEALTH_INTS + at] ?? 0;
      return {
        target: int(extra.HEALTH_TARGET),
        backend: int(extra.HEALTH_BACKEND),
        endpoints: int(extra.HEALTH_ENDPOINTS),
        ejected: int(extra.HEALTH_EJECTED),
        outstanding: int(extra.HEALTH_OUTSTANDING),
        retryBudget: retryBudgets[entry] ?? 0,
        ejections: int(extra.HEALTH_EJECTIONS),
        refused: int(extra.HEALTH_REFUSED),
        overloads: int(extra.HEALTH_OVERLOADS),
        retries: int(extra.HEALTH_RETRIES),
        retriesDenied: int(extra.HEALTH_RETRIES_DENIED),
      };
    }),
    decisions: Array.from({ length: counts.decisionCount }, (_, entry) => {
      const int = (at: number): number => decisions[entry * extra.DECISION_INTS + at] ?? 0;
      return {
        policy: int(extra.DECISION_POLICY),
        source: int(extra.DECISION_SOURCE),
        verdict: verdicts.find((verdict) => verdict === int(extra.DECISION_VERDICT)) ?? Verdict.UNSPECIFIED,
        count: int(extra.DECISION_COUNT),
      };
    }),
  };
}

function refusal(bytes: Uint8Array): string {
  try {
    decodeBytes(bytes);
  } catch (error) {
    if (error instanceof ReportError) return error.message;
    throw error;
  }
  return "accepted";
}

test("every report decodes as the generated code decodes it", () => {
  fc.assert(
    fc.property(fullReportArbitrary, (report) => {
      assert.deepEqual(asMessage(decodeBytes(encode(report))), toMessage(report));
    }),
  );
});

test("a table may be filled again and again, with larger and smaller reports", () => {
  const table = new ReportTable();
  fc.assert(
    fc.property(fullReportArbitrary, (report) => {
      decode(encode(report), table);
      assert.deepEqual(asMessage(table), toMessage(report));
    }),
  );
});

test("bytes inside a larger buffer decode the same", () => {
  const bytes = encode(aReport);
  const larger = new Uint8Array(bytes.length + 20);
  larger.set(bytes, 7);
  const table = decodeBytes(larger.subarray(7, 7 + bytes.length));
  assert.deepEqual(asMessage(table), toMessage(aReport));
});

test("whatever corruption, decoding ends with a table that keeps every limit or with a ReportError", () => {
  const corruption = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fullReportArbitrary, corruption, fc.nat(), (report, changes, cut) => {
      const bytes = encode(report);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      const shown = bytes.subarray(0, cut % 4 === 0 ? cut % bytes.length : bytes.length);
      let table: ReportTable;
      try {
        table = decodeBytes(shown);
      } catch (error) {
        assert.ok(error instanceof ReportError, String(error));
        return;
      }
      for (const row of asMessage(table).rows) {
        assert.ok(
          [row.source, row.target, row.backend, row.route, row.method].every(
            (index) => index < Math.max(1, table.stringCount),
          ),
        );
        assert.ok(row.latency.every((value, at) => at % 2 === 1 || value < 26));
      }
      const { exemplars, health, decisions } = asMessage(table);
      const strings = Math.max(1, table.stringCount);
      assert.ok(exemplars.every(({ row, traceId }) => row < table.rowCount && traceId.length === 16));
      assert.ok(health.every(({ target, backend }) => target < strings && backend < strings));
      assert.ok(decisions.every(({ policy, source }) => policy < strings && source < strings));
    }),
    { numRuns: 2_000 },
  );
});

test("random bytes never crash the decoder", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.notEqual(refusal(bytes), "accepted");
    }),
    { numRuns: 2_000 },
  );
});

test("unknown fields are passed over, as the generated code does", () => {
  const writer = new BinaryWriter();
  writer.tag(90, WireType.Varint).uint64(2n ** 64n - 1n);
  writer.tag(91, WireType.Bit64).fixed64(1n);
  writer.tag(92, WireType.LengthDelimited).bytes(new Uint8Array(300));
  writer.tag(93, WireType.Bit32).fixed32(1);
  writer.raw(encode(aReport));
  assert.deepEqual(asMessage(decodeBytes(writer.finish())).rows, toMessage(aReport).rows);
});

test("latency that is not packed decodes too", () => {
  const message = toMessage({ ...aReport, rows: [] });
  const row = new BinaryWriter().tag(1, WireType.Varint).uint32(1);
  for (const value of [3, 7]) row.tag(11, WireType.Varint).uint32(value);
  const bytes = new BinaryWriter()
    .raw(toBinary(ReportSchema, message))
    .tag(6, WireType.LengthDelimited)
    .bytes(row.finish());
  const whole = bytes.finish();
  assert.deepEqual(asMessage(decodeBytes(whole)).rows[0]?.latency, [3, 7]);
  assert.deepEqual(fromBinary(ReportSchema, whole).rows[0]?.latency, [3, 7]);
});

test("a report that says nothing beside its rows costs no room for more", () => {
  assert.equal(decodeBytes(encode(aReport)).extras.byteLength, 0);
});

const exemplar = (change: object): Uint8Array => encode({ ...aReport, exemplars: [{ ...anExemplar, ...change }] });
const row = (change: object) => ({ ...aReport, rows: [{ ...aRow, ...change }] });
const message = (change: (report: Report) => void): Uint8Array => {
  const report = toMessage({ ...aReport, health: [aTargetsHealth], decisions: [aDecision] });
  change(report);
  return toBinary(ReportSchema, report);
};

const refusals: [string, () => Uint8Array, RegExp][] = [
  ["more than 1 MiB", () => new Uint8Array(MAX_REPORT_BYTES + 1), /1048577 bytes; the limit is 1048576/],
  [
    "too many rows",
    () => encode({ ...aReport, rows: Array(MAX_ROWS + 1).fill({ ...aRow, latency: [] }) }),
    /more than 10000 rows/,
  ],
  [
    "too many strings",
    () => message((report) => report.strings.push(...Array<string>(MAX_STRINGS).fill(""))),
    /more than 65535 strings/,
  ],
  [
    "a long string",
    () => encode(row({ route: "x".repeat(MAX_STRING_BYTES + 1) })),
    /string 3 has 1025 bytes; the limit is 1024/,
  ],
  [
    "an index outside of the string table",
    () => message((report) => Object.assign(report.rows[0] ?? {}, { target: 99 })),
    /row 0: target is string 99/,
  ],
  [
    "a reporter outside of the string table",
    () => message((report) => Object.assign(report, { reporter: 99 })),
    /reporter is string 99/,
  ],
  ["no reporter", () => message((report) => Object.assign(report, { reporter: 0 })), /reporter is not set/],
  [
    "a string table that does not begin with the empty string",
    () => message((report) => report.strings.splice(0, 1, "x")),
    /string 0/,
  ],
  [
    "a bucket that does not exist",
    () => encode(row({ latency: [26, 1] })),
    /row 0: latency bucket 26; buckets are 0 to 25/,
  ],
  ["half a pair", () => encode(row({ latency: [1, 1, 2] })), /pairs of bucket and count, not 3/],
  ["no direction", () => message((report) => Object.assign(report.rows[0] ?? {}, { direction: 0 })), /direction 0/],
  ["a status that is none", () => encode(row({ status: 99 })), /status 99/],
  ["a negative sum", () => encode(row({ requestBytes: -1 })), /finite and not negative, not -1/],
  ["a sum that is not a number", () => encode(row({ latencySumUs: Number.NaN })), /not NaN/],
  [
    "a backend outside of the string table",
    () => message((report) => Object.assign(report.rows[0] ?? {}, { backend: 99 })),
    /row 0: backend is string 99/,
  ],
  [
    "too many exemplars",
    () => encode({ ...aReport, exemplars: Array(MAX_EXEMPLARS + 1).fill(anExemplar) }),
    /more than 200 exemplars/,
  ],
  ["an exemplar of no row", () => exemplar({ row: 1 }), /exemplar 0: row 1, but the report has 1 rows/],
  ["an exemplar of no time", () => exemplar({ latencyMs: -1 }), /exemplar 0: latency must be finite/],
  ["half a trace id", () => exemplar({ traceId: "00f067aa0ba902b7" }), /exemplar 0: trace_id must have 16 bytes/],
  ["a trace id that goes on", () => exemplar({ traceId: "00".repeat(40) }), /exemplar 0: trace_id must have 16 bytes/],
  ["no span id", () => exemplar({ spanId: "" }), /exemplar 0: span_id must have 8 bytes/],
  [
    "too many targets' health",
    () => encode({ ...aReport, health: Array(MAX_HEALTH + 1).fill(aTargetsHealth) }),
    /more than 1000 targets' health/,
  ],
  [
    "the health of a target outside of the string table",
    () => message((report) => Object.assign(report.health[0] ?? {}, { target: 77 })),
    /health 0: target is string 77/,
  ],
  [
    "a retry budget that is not a number",
    () => encode({ ...aReport, health: [{ ...aTargetsHealth, retryBudget: Number.NaN }] }),
    /health 0: retry_budget must be finite and not negative, not NaN/,
  ],
  [
    "too many decisions",
    () => encode({ ...aReport, decisions: Array(MAX_DECISIONS + 1).fill(aDecision) }),
    /more than 1000 decisions/,
  ],
  [
    "a decision of a policy outside of the string table",
    () => message((report) => Object.assign(report.decisions[0] ?? {}, { policy: 77 })),
    /decision 0: policy is string 77/,
  ],
  [
    "a decision without a verdict",
    () => encode({ ...aReport, decisions: [{ ...aDecision, verdict: 0 }] }),
    /decision 0: verdict is not set/,
  ],
  ["sequence 0", () => encode({ ...aReport, sequence: 0 }), /counts from 1/],
  ["a boot id with a line break", () => encode({ ...aReport, bootId: "a\r\nb" }), /boot_id must be/],
  ["an end before its start", () => encode({ ...aReport, endMs: 1 }), /end_ms 1 is before/],
  ["a string that is not UTF-8", () => Uint8Array.of(0x2a, 1, 0xff), /byte 2: the string is not UTF-8/],
  [
    "a varint longer than ten bytes",
    () => Uint8Array.of(0x10, ...Array<number>(11).fill(0x80), 0),
    /longer than 10 bytes/,
  ],
  ["a number over 32 bits", () => Uint8Array.of(0x38, 0xff, 0xff, 0xff, 0xff, 0x1f), /does not fit in 32 bits/],
  ["a length beyond the end", () => Uint8Array.of(0x2a, 5, 0x41), /ends within a value/],
  ["a row that runs over its own end", () => Uint8Array.of(0x32, 2, 0x08, 0x80, 0x01), /ends within a value/],
  ["a group", () => Uint8Array.of(0x0b), /wire type 3 is not supported/],
  ["field number 0", () => Uint8Array.of(0x00, 0x00), /field number 0/],
];

for (const [what, bytes, reason] of refusals) {
  test(`a report with ${what} is refused with the reason`, () => assert.match(refusal(bytes()), reason));
}

test("the largest report that the contract allows is accepted", () => {
  const rows = Array(MAX_ROWS).fill({ ...aRow, latency: [1, 1] });
  assert.equal(decodeBytes(encode({ ...aReport, rows })).rowCount, MAX_ROWS);
});
