import { LATENCY_BUCKETS } from "@patchbay/model";
import { MAX_REPORT_BYTES, MAX_ROWS, MAX_STRING_BYTES, MAX_STRINGS } from "../limits.ts";
import { checkExtras, checkString, readDecision, readExemplar, readHealth } from "./extras-decoder.ts";
import { ReportError } from "./report-error.ts";
import * as column from "./report-table.ts";
import { FLOATS, INTS, type ReportTable } from "./report-table.ts";
import { WireReader } from "./wire-reader.ts";

/** Tag of a field: its number and wire type, as in report.proto. */
const varint = (field: number): number => field << 3;
const fixed = (field: number): number => (field << 3) | 1;
const bytes = (field: number): number => (field << 3) | 2;

const REPORT = {
  bootId: bytes(1),
  sequence: varint(2),
  startMs: fixed(3),
  endMs: fixed(4),
  strings: bytes(5),
  rows: bytes(6),
  overflowed: varint(7),
  reporter: varint(8),
  exemplars: bytes(9),
  health: bytes(10),
  decisions: bytes(11),
} as const;

const ROW_LATENCY_PACKED = bytes(11);
const ROW_LATENCY = varint(11);
const ROW_OPEN_DELTA = varint(16);

/** Columns of floats in `columnOf` come after those of ints. */
const FLOAT = 32;

/** Column of each row field that is a plain number or a bool, by tag; others have -1. */
const columnOf = new Int8Array(256).fill(-1);
const columns: readonly (readonly [tag: number, column: number])[] = [
  [varint(1), column.DIRECTION],
  [varint(2), column.SOURCE],
  [varint(3), column.TARGET],
  [varint(4), column.ROUTE],
  [varint(5), column.METHOD],
  [varint(6), column.STATUS],
  [varint(8), column.TLS],
  [varint(9), column.COUNT],
  [varint(10), column.RETRIES],
  [varint(15), column.OPAQUE],
  [varint(17), column.FAILURE],
  [varint(18), column.BACKEND],
  [varint(19), column.GRPC_STATUS],
  [fixed(12), FLOAT + column.LATENCY_SUM_US],
  [fixed(13), FLOAT + column.REQUEST_BYTES],
  [fixed(14), FLOAT + column.RESPONSE_BYTES],
];
for (const [tag, at] of columns) columnOf[tag] = at;

/** Larger ones are no statuses; the column has one more, and 0 for none. */
const MAX_GRPC_STATUS = 2 ** 31 - 2;

const utf8 = new TextDecoder("utf-8", { fatal: true });
/** Goes into headers and ids of events, so nothing that would need an escape there. */
const BOOT_ID_PATTERN = /^[\w.-]{1,128}$/;

/**
 * Decodes an encoded `mesh.telemetry.v1.Report` straight into columns and checks every limit of the contract. The same
 * bytes decode equal with the generated code; unknown fields are passed over as there. Decoders are not re-entrant.
 *
 * @throws ReportError naming the limit that is broken, or the byte where the encoding is.
 */
export function createReportDecoder(): (bytes: Uint8Array, table: ReportTable) => void {
  const reader = new WireReader();
  return (bytes, table) => {
    if (bytes.byteLength > MAX_REPORT_BYTES) {
      throw new ReportError(
        `the report has ${bytes.byteLength} bytes; the limit is ${MAX_REPORT_BYTES}: send fewer rows`,
      );
    }
    reader.reset(bytes);
    table.reset(bytes);
    readReport(reader, table);
    checkReport(table);
    checkRows(table);
    if (!table.extras.empty) checkExtras(table);
  };
}

function readReport(reader: WireReader, table: ReportTable): void {
  while (reader.at < reader.end) {
    const tag = reader.uint32();
    switch (tag) {
      case REPORT.bootId:
        table.bootId = readText(reader, table);
        break;
      case REPORT.sequence:
        table.sequence = reader.uint53();
        break;
      case REPORT.startMs:
        table.startMs = reader.fixed64();
        break;
      case REPORT.endMs:
        table.endMs = reader.fixed64();
        break;
      case REPORT.strings:
        readString(reader, table);
        break;
      case REPORT.rows:
        readRow(reader, table);
        break;
      case REPORT.overflowed:
        table.overflowed = reader.uint32();
        break;
      case REPORT.reporter:
        table.reporterIndex = reader.uint32();
        break;
      default:
        readExtra(tag, reader, table);
    }
  }
}

/** What most reports do not have. */
function readExtra(tag: number, reader: WireReader, table: ReportTable): void {
  if (tag === REPORT.exemplars) readExemplar(reader, table);
  else if (tag === REPORT.health) readHealth(reader, table);
  else if (tag === REPORT.decisions) readDecision(reader, table);
  else reader.skip(tag);
}

function readText(reader: WireReader, table: ReportTable): string {
  const to = reader.length();
  const from = reader.at;
  reader.at = to;
  return decodeText(table.bytes, from, to);
}

function decodeText(bytes: Uint8Array, from: number, to: number): string {
  try {
    return utf8.decode(bytes.subarray(from, to));
  } catch {
    throw new ReportError(`byte ${from}: the string is not UTF-8`);
  }
}

function readString(reader: WireReader, table: ReportTable): void {
  const { bytes } = table;
  const to = reader.length();
  const from = reader.at;
  if (to - from > MAX_STRING_BYTES) {
    throw new ReportError(`string ${table.stringCount} has ${to - from} bytes; the limit is ${MAX_STRING_BYTES}`);
  }
  if (table.stringCount === MAX_STRINGS) throw new ReportError(`the report has more than ${MAX_STRINGS} strings`);
  let bits = 0;
  for (let at = from; at < to; at++) bits |= bytes[at] ?? 0;
  if (bits >= 0x80) decodeText(bytes, from, to);
  table.addString(from, to);
  reader.at = to;
}

function readRow(reader: WireReader, table: ReportTable): void {
  const to = reader.length();
  const outerEnd = reader.end;
  if (table.rowCount === MAX_ROWS) throw new ReportError(`the report has more than ${MAX_ROWS} rows`);
  const row = table.rowCount;
  table.addRow();
  reader.end = to;
  const ints = row * INTS;
  const floats = row * FLOATS;
  while (reader.at < to) {
    const tag = reader.uint32();
    const at = tag < 256 ? (columnOf[tag] ?? -1) : -1;
    if (at >= FLOAT) table.floats[floats + at - FLOAT] = reader.double();
    else if (at === column.GRPC_STATUS) table.ints[ints + at] = 1 + Math.min(reader.uint32(), MAX_GRPC_STATUS);
    else if (at >= 0) table.ints[ints + at] = isBool(at) ? reader.bool() : reader.uint32();
    else if (tag === ROW_LATENCY_PACKED) readLatency(reader, table);
    else if (tag === ROW_LATENCY) readOneLatency(reader, table);
    else if (tag === ROW_OPEN_DELTA) table.floats[floats + column.OPEN_DELTA] = reader.sint32();
    else reader.skip(tag);
  }
  reader.end = outerEnd;
  table.latencyEnds[row] = table.latencyLength;
}

function isBool(int: number): boolean {
  return int === column.TLS || int === column.OPAQUE || int === column.FAILURE;
}

function readOneLatency(reader: WireReader, table: ReportTable): void {
  table.roomForLatency(1);
  table.latency[table.latencyLength++] = reader.uint32();
}

function readLatency(reader: WireReader, table: ReportTable): void {
  const to = reader.length();
  // A number takes at least a byte.
  table.roomForLatency(to - reader.at);
  table.latencyLength = reader.uint32s(to, table.latency, table.latencyLength);
}

function checkReport(table: ReportTable): void {
  const reporter = table.reporterIndex;
  if (!BOOT_ID_PATTERN.test(table.bootId)) {
    throw new ReportError('boot_id must be 1 to 128 characters of A-Z, a-z, 0-9, "_", "." and "-"');
  }
  if (table.sequence === 0) throw new ReportError("sequence is 0; it counts from 1");
  if (table.endMs < table.startMs) throw new ReportError(`end_ms ${table.endMs} is before start_ms ${table.startMs}`);
  if (table.stringCount > 0 && table.stringSpans[0] !== table.stringSpans[1]) {
    throw new ReportError("string 0 must be the empty string");
  }
  if (reporter === 0) throw new ReportError("reporter is not set; it names the proxy's own service");
  checkString(table, "reporter", reporter);
  const from = table.stringSpans[reporter * 2] ?? 0;
  const to = table.stringSpans[reporter * 2 + 1] ?? 0;
  table.reporter = decodeText(table.bytes, from, to);
  table.boot = `${table.reporter}/${table.bootId}`;
}

function checkRows(table: ReportTable): void {
  let pair = 0;
  for (let row = 0; row < table.rowCount; row++) {
    checkInts(table, row);
    checkFloats(table, row);
    const end = table.latencyEnds[row] ?? 0;
    if ((end - pair) & 1)
      throw new ReportError(`row ${row}: latency holds pairs of bucket and count, not ${end - pair} numbers`);
    for (; pair < end; pair += 2) {
      const bucket = table.latency[pair] ?? 0;
      if (bucket < LATENCY_BUCKETS) continue;
      throw new ReportError(`row ${row}: latency bucket ${bucket}; buckets are 0 to ${LATENCY_BUCKETS - 1}`);
    }
  }
}

const LABEL_NAMES = ["", "source", "target", "route", "method"] as const;

function checkInts(table: ReportTable, row: number): void {
  const { ints } = table;
  const from = row * INTS;
  const direction = ints[from + column.DIRECTION] ?? 0;
  if (direction !== 1 && direction !== 2)
    throw new ReportError(`row ${row}: direction ${direction}; it is outbound (1) or inbound (2)`);
  // Without a string table, index 0 still means the empty string.
  const strings = Math.max(table.stringCount, 1);
  for (let label = column.SOURCE; label <= column.METHOD; label++) {
    const index = ints[from + label] ?? 0;
    if (index >= strings) checkString(table, `row ${row}: ${LABEL_NAMES[label]}`, index);
  }
  if ((ints[from + column.BACKEND] ?? 0) >= strings)
    checkString(table, `row ${row}: backend`, ints[from + column.BACKEND]);
  const status = ints[from + column.STATUS] ?? 0;
  if (status !== 0 && (status < 100 || status > 999))
    throw new ReportError(`row ${row}: status ${status}; it is 0 or an HTTP status`);
}

function checkFloats(table: ReportTable, row: number): void {
  for (let at = row * FLOATS; at < row * FLOATS + column.OPEN_DELTA; at++) {
    const value = table.floats[at] ?? 0;
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      throw new ReportError(`row ${row}: sums of latency and bytes must be finite and not negative, not ${value}`);
    }
  }
}
