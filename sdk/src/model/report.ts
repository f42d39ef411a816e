import { Direction } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import type { Report, ReportRow } from "../public/report.ts";
import { permanent } from "./errors.ts";
import { readLatency } from "./latency.ts";
import { lazyProperty } from "./lazy-property.ts";
import { ProtoReader } from "./proto-reader.ts";

/** Tag of a field: its number and wire type. Numbers are those of report.proto; a test holds both equal. */
const number = (field: number): number => field << 3;
const fixed = (field: number): number => (field << 3) | 1;
const block = (field: number): number => (field << 3) | 2;

const reportTag = {
  bootId: block(1),
  sequence: number(2),
  startMs: fixed(3),
  endMs: fixed(4),
  string: block(5),
  row: block(6),
  overflowed: number(7),
  reporter: number(8),
} as const;

const firstDouble = fixed(12);
const lastDouble = fixed(14);
const pairsPacked = block(11);
const pair = number(11);
const openDelta = number(16);
const lastNumber = number(19);

/**
 * Reads an encoded mesh.telemetry.v1.Report as authors see it: a plugin may get thousands a second, so rows are decoded
 * when they are first read, and latencies after that. Throws when the bytes are none.
 */
export function decodeReport(data: Uint8Array): Report {
  const reader = new ProtoReader(data);
  let bootId = "";
  let sequence = "0";
  let startMs = 0;
  let endMs = 0;
  let overflowed = 0;
  let reporter = 0;
  while (reader.at < reader.end) {
    const tag = reader.uint32();
    if (tag === reportTag.bootId) bootId = reader.text(reader.block(), reader.at);
    else if (tag === reportTag.sequence) sequence = reader.uint64Text();
    else if (tag === reportTag.startMs) startMs = reader.fixed64();
    else if (tag === reportTag.endMs) endMs = reader.fixed64();
    else if (tag === reportTag.overflowed) overflowed = reader.uint32();
    else if (tag === reportTag.reporter) reporter = reader.uint32();
    else reader.skip(tag);
  }
  const id = `${bootId}:${sequence}`;
  const [start, end] = [new Date(startMs), new Date(endMs)];
  return withRows({ id, reporter: findText(reader, reporter), start, end, overflowed }, reader);
}

/** One text of the table, without keeping where the others are: few reports have their rows read by everyone. */
function findText(reader: ProtoReader, index: number): string {
  let left = index;
  for (reader.at = 0; reader.at < reader.end; ) {
    const tag = reader.uint32();
    if (tag !== reportTag.string) reader.skip(tag);
    else if (left-- === 0) return reader.text(reader.block(), reader.at);
    else reader.block();
  }
  // An index out of the table names nothing.
  return "";
}

const withRows = lazyProperty("rows", decodeRows);

/** In the author's handler by now: what it throws there is not the author's mistake, and will not be better next time. */
function decodeRows(reader: ProtoReader): readonly ReportRow[] {
  const { end } = reader;
  try {
    return readRows(reader);
  } catch (error) {
    throw permanent(`the event's data cannot be decoded: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    reader.end = end;
  }
}

function readRows(reader: ProtoReader): ReportRow[] {
  const texts: string[] = [];
  const spans: number[] = [];
  for (reader.at = 0; reader.at < reader.end; ) {
    const tag = reader.uint32();
    if (tag === reportTag.string) texts.push(reader.text(reader.block(), reader.at));
    else if (tag === reportTag.row) spans.push(reader.block(), reader.at);
    else reader.skip(tag);
  }
  const rows: ReportRow[] = [];
  // After the whole table is there: nothing says that it comes first.
  for (let index = 0; index < spans.length; index += 2) {
    reader.at = spans[index] ?? 0;
    reader.end = spans[index + 1] ?? 0;
    rows.push(decodeRow(reader, texts));
  }
  return rows;
}

/** Field of the gRPC status, which may be absent. */
const GRPC_STATUS = 19;

/** The numbers of the row that is being decoded, by field: index 11 is left out, for the pairs of the distribution. */
const values = new Float64Array(20);

function decodeRow(reader: ProtoReader, texts: readonly string[]): ReportRow {
  values.fill(0);
  values[GRPC_STATUS] = Number.NaN;
  const pairs: number[] = [];
  while (reader.at < reader.end) {
    const tag = reader.uint32();
    if (tag === pairsPacked) readPairs(reader, pairs);
    // A reader of proto3 takes them one by one as well.
    else if (tag === pair) pairs.push(reader.uint32());
    else if (tag === openDelta) values[tag >> 3] = reader.sint32();
    else if ((tag & 7) === 0 && tag <= lastNumber) values[tag >> 3] = reader.uint32();
    else if ((tag & 7) === 1 && tag >= firstDouble && tag <= lastDouble) values[tag >> 3] = reader.double();
    else reader.skip(tag);
  }
  return toRow(pairs, texts);
}

function readPairs(reader: ProtoReader, pairs: number[]): void {
  const from = reader.block();
  const to = reader.at;
  for (reader.at = from; reader.at < to; ) pairs.push(reader.uint32());
}

interface Distribution {
  readonly pairs: readonly number[];
  readonly sumUs: number;
}

const withLatency = lazyProperty("latency", ({ pairs, sumUs }: Distribution) => readLatency(pairs, sumUs));

function toRow(pairs: readonly number[], texts: readonly string[]): ReportRow {
  const at = (field: number) => values[field] ?? 0;
  // An index out of the table names nothing.
  const text = (field: number) => texts[at(field)] ?? "";
  const row = {
    direction: at(1) === Direction.INBOUND ? ("inbound" as const) : ("outbound" as const),
    source: text(2),
    target: text(3),
    route: text(4),
    method: text(5),
    status: at(6),
    tls: at(8) !== 0,
    opaque: at(15) !== 0,
    requests: at(9),
    failures: at(17) !== 0 ? at(9) : 0,
    retries: at(10),
    requestBytes: at(13),
    responseBytes: at(14),
    openConnectionsChange: at(16),
  };
  const grpcStatus = at(GRPC_STATUS);
  return withLatency(Number.isNaN(grpcStatus) ? row : { ...row, grpcStatus }, { pairs, sumUs: at(12) });
}
