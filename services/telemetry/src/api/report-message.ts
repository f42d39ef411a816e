import { ReportError } from "../core/decode/report-error.ts";
import { WireReader } from "../core/decode/wire-reader.ts";

const REPORT_TAG = 0x0a;
const SEQUENCE_TAG = 0x08;
const REFUSED_TAG = 0x12;
const text = new TextEncoder();
const reader = new WireReader();
const empty = new Uint8Array(0);

/**
 * The report's bytes inside an encoded ReportRequest, not copied.
 *
 * @throws ReportError
 */
export function reportIn(message: Uint8Array): Uint8Array {
  let report: Uint8Array = empty;
  reader.reset(message);
  while (reader.at < reader.end) {
    const tag = reader.uint32();
    if (tag !== REPORT_TAG) {
      reader.skip(tag);
      continue;
    }
    const to = reader.length();
    report = message.subarray(reader.at, to);
    reader.at = to;
  }
  if (report.length === 0) throw new ReportError("the request carries no report");
  return report;
}

/** An encoded ReportResponse. `refused`: why; empty when the report is stored. */
export function encodeAnswer(sequence: number, refused: string): Uint8Array {
  const number = varint(sequence);
  if (refused === "") return Uint8Array.from([SEQUENCE_TAG, ...number]);
  const reason = text.encode(refused);
  return Uint8Array.from([SEQUENCE_TAG, ...number, REFUSED_TAG, ...varint(reason.length), ...reason]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return bytes;
}
