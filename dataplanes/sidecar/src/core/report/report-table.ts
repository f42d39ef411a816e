import { create, toBinary } from "@bufbuild/protobuf";
import { ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { isFailure } from "../balancing/classification.ts";
import type { Direction, TraceRef } from "../types.ts";
import type { ReportFields, ReportPart } from "./report-parts.ts";
import { type Cell, type Counted, encodeRow, fold, keyOf, type Labels, labelsOf, textsOf, ZERO } from "./report-row.ts";
import { createStringTable, type StringTable } from "./string-table.ts";

export { OVERFLOW } from "./report-row.ts";

export interface ReportTableSettings {
  /** Number of latency buckets, and the bucket of a latency in milliseconds. */
  readonly buckets: number;
  readonly bucketOf: (latencyMs: number) => number;
  /** Combinations of labels per source; what goes beyond is counted in the source's "overflow" rows. */
  readonly maxRowsPerSource: number;
  readonly maxRows: number;
  readonly maxSources: number;
  /** Bytes of all strings of one report. */
  readonly maxStringBytes: number;
  /** What else is reported. Default: nothing. */
  readonly parts?: readonly ReportPart[];
}

/**
 * A row takes at most 163 bytes and a source makes at most a dozen overflow rows, so no report's rows exceed 420 KiB: below the
 * limits of the contract (1 MiB, 10,000 rows) and of the stream in which it is kept as an event (480 KiB). All parts together
 * have the 60 KiB between the two, see their own limits.
 */
export const REPORT_LIMITS = { maxRowsPerSource: 500, maxRows: 1_200, maxSources: 50, maxStringBytes: 131_072 };

/** What one finished request adds. All text is already bounded in kind: see `routeOf`. */
export interface Observation extends Counted {
  readonly latencyMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly retried: boolean;
  readonly trace: TraceRef | undefined;
}

export interface ReportTable {
  add(observation: Observation): void;
  /** Changes the number of open connections of (direction, source, target). */
  open(connection: ConnectionLabels, delta: 1 | -1): void;
  size(): number;
  /** Encodes a mesh.telemetry.v1.Report and begins anew. Undefined when there is nothing to say. */
  take(window: ReportWindow): Uint8Array | undefined;
}

export interface ConnectionLabels {
  readonly direction: Direction;
  readonly source: string;
  readonly target: string;
  readonly backend: string;
  readonly tls: boolean;
}

export interface ReportWindow {
  readonly bootId: string;
  readonly sequence: number;
  readonly startMs: number;
  readonly endMs: number;
  /** "namespace/name" */
  readonly reporter: string;
}

/** Aggregates finished requests by their labels until the next report. */
export function createReportTable(settings: ReportTableSettings): ReportTable {
  const { parts = [] } = settings;
  let cells = new Map<string, Cell>();
  let rowsOfSource = new Map<string, number>();
  let strings = createStringTable();
  let overflowed = 0;
  const hasStringRoom = (): boolean => strings.bytes() < settings.maxStringBytes;

  function cell(labels: Labels): Cell {
    const key = keyOf(labels, labels.failure);
    const held = cells.get(key);
    if (held !== undefined) return held;
    if (hasRoom(labels)) return insert(key, labels);
    overflowed += 1;
    const folded = fold(labels, rowsOfSource.has(labels.source) || rowsOfSource.size < settings.maxSources);
    const foldedKey = keyOf(folded, folded.failure);
    return cells.get(foldedKey) ?? insert(foldedKey, folded);
  }

  function hasRoom(labels: Labels): boolean {
    const rows = rowsOfSource.get(labels.source);
    if (rows === undefined && rowsOfSource.size >= settings.maxSources) return false;
    return (rows ?? 0) < settings.maxRowsPerSource && cells.size < settings.maxRows && hasStringRoom();
  }

  function insert(key: string, labels: Labels): Cell {
    for (const text of textsOf(labels)) strings.index(text);
    rowsOfSource.set(labels.source, (rowsOfSource.get(labels.source) ?? 0) + 1);
    const fresh = { ...labels, ...ZERO, number: cells.size, latency: new Uint32Array(settings.buckets) };
    cells.set(key, fresh);
    return fresh;
  }

  return {
    add(seen) {
      const failure = isFailure(seen);
      const row = cells.get(keyOf(seen, failure)) ?? cell({ ...labelsOf(seen), failure });
      row.count += 1;
      if (seen.retried) row.retries += 1;
      row.latencySumUs += seen.latencyMs * 1000;
      row.requestBytes += seen.requestBytes;
      row.responseBytes += seen.responseBytes;
      const bucket = settings.bucketOf(seen.latencyMs);
      row.latency[bucket] = (row.latency[bucket] ?? 0) + 1;
      const { trace, latencyMs } = seen;
      if (trace !== undefined) for (const part of parts) part.example?.(row.number, { trace, latencyMs });
    },
    open(connection, delta) {
      cell({ ...connection, ...CONNECTION }).openDelta += delta;
    },
    size: () => cells.size,
    take(window) {
      if (cells.size === 0 && !parts.some((part) => part.pending())) return undefined;
      const fields = parts.map((part) => part.take({ strings, hasRoom: hasStringRoom }));
      const bytes = encode({ window, cells: [...cells.values()], strings, overflowed, fields });
      cells = new Map();
      rowsOfSource = new Map();
      strings = createStringTable();
      overflowed = 0;
      return bytes;
    },
  };
}

const CONNECTION = { route: "", method: "", status: 0, grpcStatus: undefined, opaque: true, failure: false };

function encode(report: {
  readonly window: ReportWindow;
  readonly cells: readonly Cell[];
  readonly strings: StringTable;
  readonly overflowed: number;
  readonly fields: readonly ReportFields[];
}): Uint8Array {
  const { window, cells, strings, overflowed, fields } = report;
  const reporter = strings.index(window.reporter);
  const rows = cells.map((cell) => encodeRow(cell, strings));
  const message = create(ReportSchema, {
    bootId: window.bootId,
    sequence: BigInt(window.sequence),
    startMs: BigInt(Math.round(window.startMs)),
    endMs: BigInt(Math.round(window.endMs)),
    strings: strings.list(),
    rows,
    overflowed,
    reporter,
    ...Object.assign({}, ...fields),
  });
  return toBinary(ReportSchema, message);
}
