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
const lastNumber = number(17);

/** Where an encoded report has its strings and rows, each from and to. */
interface Outline {
  readonly reader: ProtoReader;
  readonly strings: readonly number[];
  readonly rows: readonly number[];
}

/**
 * Reads an encoded mesh.telemetry.v1.Report as authors see it: a plugin may get thousands a second, so rows are decoded
 * when they are first read, and latencies after that. Throws when the bytes are none.
 */
export function decodeReport(data: Uint8Array): Report {
  const reader = new ProtoReader(data);
  const outline = { reader, strings: [] as number[], rows: [] as number[] };
  let bootId = "";
  let sequence = "0";
  let startMs = 0;
  let endMs = 0;
  let overflowed = 0;
  let reporter = 0;
  while (reader.at < reader.end) {
    const tag = reader.uint32();
    if (tag === reportTag.string) outline.strings.push(reader.block(), reader.at);
    else if (tag === reportTag.row) outline.rows.push(reader.block(), reader.at);
    else if (tag === reportTag.bootId) bootId = reader.text(reader.block(), reader.at);
    else if (tag === reportTag.sequence) sequence = reader.uint64Text();
    else if (tag === reportTag.startMs) startMs = reader.fixed64();
    else if (tag === reportTag.endMs) endMs = reader.fixed64();
    else if (tag === reportTag.overflowed) overflowed = reader.uint32();
    else if (tag === reportTag.reporter) reporter = reader.uint32();
    else reader.skip(tag);
  }
  const id = `${bootId}:${sequence}`;
  const [start, end] = [new Date(startMs), new Date(endMs)];
  return withRows({ id, reporter: textAt(outline, reporter), start, end, overflowed }, outline);
}

/** An index out of the table names nothing. */
function textAt({ reader, strings }: Outline, index: number): string {
  const from = strings[index * 2] ?? 0;
  return reader.text(from, strings[index * 2 + 1] ?? from);
}

const withRows = lazyProperty("rows", decodeRows);

/** In the author's handler by now: what it throws there is not the author's mistake, and will not be better next time. */
function decodeRows(outline: Outline): readonly ReportRow[] {
  const { reader, strings, rows } = outline;
  const texts: string[] = [];
  for (let index = 0; index < strings.length / 2; index += 1) texts.push(textAt(outline, index));
  const decoded: ReportRow[] = [];
  try {
    for (let at = 0; at < rows.length; at += 2) {
      reader.at = rows[at] ?? 0;
      reader.end = rows[at + 1] ?? 0;
      decoded.push(decodeRow(reader, texts));
    }
  } catch (error) {
    throw permanent(`the event's data cannot be decoded: ${error instanceof Error ? error.message : String(error)}`);
  }
  return decoded;
}

/** The numbers of the row that is being decoded, by field: index 11 is left out, for the pairs of the distribution. */
const values = new Float64Array(18);

function decodeRow(reader: ProtoReader, texts: readonly string[]): ReportRow {
  values.fill(0);
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
  return withLatency(at(7) > 0 ? { ...row, grpcStatus: at(7) - 1 } : row, { pairs, sumUs: at(12) });
}
