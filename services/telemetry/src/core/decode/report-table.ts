import { roomInFloats, roomInUints } from "../aggregate/grow.ts";
import { ReportExtras } from "./report-extras.ts";

/** Columns of a row that are whole numbers, at `ints[row * INTS + column]`. */
export const DIRECTION = 0;
export const SOURCE = 1;
export const TARGET = 2;
export const ROUTE = 3;
export const METHOD = 4;
export const STATUS = 5;
/** gRPC status plus 1; 0: not gRPC. */
export const GRPC_STATUS = 6;
export const TLS = 7;
export const OPAQUE = 8;
export const FAILURE = 9;
export const COUNT = 10;
export const RETRIES = 11;
export const BACKEND = 12;
export const INTS = 13;

/** Columns of a row that may be large, fractional or negative, at `floats[row * FLOATS + column]`. */
export const LATENCY_SUM_US = 0;
export const REQUEST_BYTES = 1;
export const RESPONSE_BYTES = 2;
export const OPEN_DELTA = 3;
export const FLOATS = 4;

const KEPT_BYTES = 256 * 1024;

/**
 * One decoded report as columns, without an object per row or string: a table may be filled again and again. Strings
 * stay where they are in the report's bytes, which therefore must not change while the table is in use.
 */
export class ReportTable {
  bootId = "";
  sequence = 0;
  startMs = 0;
  endMs = 0;
  overflowed = 0;
  /** The proxy's own service, "namespace/name", and its index among the strings. */
  reporter = "";
  reporterIndex = 0;
  /** Who numbered the report: a boot id counts only together with the service that used it, which is proven. */
  boot = "";

  bytes: Uint8Array = new Uint8Array(0);
  stringCount = 0;
  /** String `i` is `bytes[stringSpans[2 * i] .. stringSpans[2 * i + 1]]`. */
  stringSpans = new Uint32Array(64);

  rowCount = 0;
  ints = new Uint32Array(32 * INTS);
  floats = new Float64Array(32 * FLOATS);
  /** Where a row's pairs end in `latency`; they begin where the row before ends. */
  latencyEnds = new Uint32Array(32);
  latencyLength = 0;
  /** Pairs (bucket, count) of all rows, one after the other. */
  latency = new Uint32Array(512);

  readonly extras = new ReportExtras();

  /** Empties the table for another report. */
  reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.bootId = "";
    this.sequence = 0;
    this.startMs = 0;
    this.endMs = 0;
    this.overflowed = 0;
    this.reporter = "";
    this.reporterIndex = 0;
    this.boot = "";
    this.stringCount = 0;
    this.ints.fill(0, 0, this.rowCount * INTS);
    this.floats.fill(0, 0, this.rowCount * FLOATS);
    this.rowCount = 0;
    this.latencyLength = 0;
    this.extras.reset();
  }

  addString(from: number, to: number): void {
    const at = this.stringCount++ * 2;
    if (at + 2 > this.stringSpans.length) this.stringSpans = roomInUints(this.stringSpans, at + 2);
    this.stringSpans[at] = from;
    this.stringSpans[at + 1] = to;
  }

  /** Begins a row of zeros. */
  addRow(): void {
    this.rowCount++;
    if (this.rowCount <= this.latencyEnds.length) return;
    this.ints = roomInUints(this.ints, this.rowCount * INTS);
    this.floats = roomInFloats(this.floats, this.rowCount * FLOATS);
    this.latencyEnds = roomInUints(this.latencyEnds, this.rowCount);
  }

  /** Makes room for so many numbers more. */
  roomForLatency(count: number): void {
    const length = this.latencyLength + count;
    if (length > this.latency.length) this.latency = roomInUints(this.latency, length);
  }

  /** Whether the table is small enough to be kept for the next report. */
  reusable(): boolean {
    const { stringSpans, ints, floats, latency, extras } = this;
    const rows = stringSpans.byteLength + ints.byteLength + floats.byteLength + latency.byteLength;
    return rows + extras.byteLength <= KEPT_BYTES;
  }
}
