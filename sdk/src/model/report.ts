import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Direction } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import type { Report, ReportRow } from "../public/report.ts";
import { readLatency } from "./latency.ts";

/**
 * Decodes an encoded mesh.telemetry.v1.Report straight into what authors see: a plugin may get thousands a second, and going
 * through the generated message costs four times as much. Field numbers are those of report.proto; a test holds both
 * equal. Throws when the bytes are none.
 */
export function decodeReport(data: Uint8Array): Report {
  const reader = new BinaryReader(data);
  const head = { bootId: "", sequence: "0", startMs: 0, endMs: 0, overflowed: 0, reporter: 0 };
  const strings: string[] = [];
  const rows: { from: number; to: number }[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 5) strings.push(reader.string());
    else if (field === 6) rows.push(range(reader));
    else if (field === 1) head.bootId = reader.string();
    else if (field === 2) head.sequence = String(reader.uint64());
    else if (field === 3) head.startMs = Number(reader.fixed64());
    else if (field === 4) head.endMs = Number(reader.fixed64());
    else if (field === 7) head.overflowed = reader.uint32();
    else if (field === 8) head.reporter = reader.uint32();
    else reader.skip(type, field);
  }
  return {
    id: `${head.bootId}:${head.sequence}`,
    reporter: strings[head.reporter] ?? "",
    start: new Date(head.startMs),
    end: new Date(head.endMs),
    // After the whole table is there: nothing says that it comes first.
    rows: rows.map(({ from, to }) => decodeRow(reader, { from, to, strings })),
    overflowed: head.overflowed,
  };
}

/** Where an embedded message is; the reader stands behind it afterwards. */
function range(reader: BinaryReader): { from: number; to: number } {
  const length = reader.uint32();
  const from = reader.pos;
  reader.pos += length;
  if (reader.pos > reader.len) throw new RangeError("premature EOF");
  return { from, to: reader.pos };
}

interface RowSource {
  readonly from: number;
  readonly to: number;
  readonly strings: readonly string[];
}

/** The numbers of one row, by field: index 11 is left out, for the pairs of the distribution. */
function decodeRow(reader: BinaryReader, { from, to, strings }: RowSource): ReportRow {
  const values = new Float64Array(18);
  const pairs: number[] = [];
  reader.pos = from;
  while (reader.pos < to) {
    const [field, type] = reader.tag();
    if (field === 11) readPairs(reader, type, pairs);
    else if (field >= 12 && field <= 14) values[field] = reader.double();
    else if (field === 16) values[field] = reader.sint32();
    else if (field >= 1 && field <= 17) values[field] = reader.uint32();
    else reader.skip(type, field);
  }
  return toRow(values, pairs, strings);
}

/** Packed, or one by one: a reader of proto3 takes both. */
function readPairs(reader: BinaryReader, type: WireType, pairs: number[]): void {
  if (type !== WireType.LengthDelimited) {
    pairs.push(reader.uint32());
    return;
  }
  const { to, from } = range(reader);
  reader.pos = from;
  while (reader.pos < to) pairs.push(reader.uint32());
}

function toRow(values: Float64Array, pairs: readonly number[], strings: readonly string[]): ReportRow {
  const at = (field: number) => values[field] ?? 0;
  // An index out of the table names nothing.
  const text = (field: number) => strings[at(field)] ?? "";
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
    latency: readLatency(pairs, at(12)),
    requestBytes: at(13),
    responseBytes: at(14),
    openConnectionsChange: at(16),
  };
  return at(7) > 0 ? { ...row, grpcStatus: at(7) - 1 } : row;
}
