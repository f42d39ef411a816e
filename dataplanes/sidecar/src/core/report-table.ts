import { create, toBinary } from "@bufbuild/protobuf";
import {
  ReportSchema,
  type Row,
  RowSchema,
  Direction as WireDirection,
} from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { isFailure } from "./classification.ts";
import { createStringTable, type StringTable } from "./string-table.ts";
import type { Direction } from "./types.ts";

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
}

/**
 * A row takes at most 160 bytes and a source makes at most a dozen overflow rows, so no report exceeds 420 KiB: below the limits
 * of the contract (1 MiB, 10,000 rows) and of the stream in which it is kept as an event (480 KiB).
 */
export const REPORT_LIMITS = { maxRowsPerSource: 500, maxRows: 1_200, maxSources: 50, maxStringBytes: 131_072 };

/** What a request is counted under. */
interface Counted {
  readonly direction: Direction;
  readonly source: string;
  readonly target: string;
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly grpcStatus: number | undefined;
  readonly tls: boolean;
  readonly opaque: boolean;
}

interface Labels extends Counted {
  readonly failure: boolean;
}

/** What one finished request adds. All text is already bounded in kind: see `routeOf`. */
export interface Observation extends Counted {
  readonly latencyMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly retried: boolean;
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

export const OVERFLOW = "overflow";

interface Cell extends Labels {
  count: number;
  retries: number;
  latencySumUs: number;
  requestBytes: number;
  responseBytes: number;
  openDelta: number;
  readonly latency: Uint32Array;
}

/** Aggregates finished requests by their labels until the next report. */
export function createReportTable(settings: ReportTableSettings): ReportTable {
  let cells = new Map<string, Cell>();
  let rowsOfSource = new Map<string, number>();
  let strings = createStringTable();
  let overflowed = 0;

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
    return (
      (rows ?? 0) < settings.maxRowsPerSource &&
      cells.size < settings.maxRows &&
      strings.bytes() < settings.maxStringBytes
    );
  }

  function insert(key: string, labels: Labels): Cell {
    for (const text of [labels.source, labels.target, labels.route, labels.method]) strings.index(text);
    rowsOfSource.set(labels.source, (rowsOfSource.get(labels.source) ?? 0) + 1);
    const fresh = { ...labels, ...ZERO, latency: new Uint32Array(settings.buckets) };
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
    },
    open(connection, delta) {
      cell({ ...connection, ...CONNECTION }).openDelta += delta;
    },
    size: () => cells.size,
    take(window) {
      if (cells.size === 0) return undefined;
      const bytes = encode({ window, cells: [...cells.values()], strings, overflowed });
      cells = new Map();
      rowsOfSource = new Map();
      strings = createStringTable();
      overflowed = 0;
      return bytes;
    },
  };
}

const ZERO = { count: 0, retries: 0, latencySumUs: 0, requestBytes: 0, responseBytes: 0, openDelta: 0 };
const CONNECTION = { route: "", method: "", status: 0, grpcStatus: undefined, opaque: true, failure: false };

function labelsOf(seen: Observation): Omit<Labels, "failure"> {
  const { direction, source, target, route, method, status, grpcStatus, tls, opaque } = seen;
  return { direction, source, target, route, method, status, grpcStatus, tls, opaque };
}

function keyOf(labels: Omit<Labels, "failure">, failure: boolean): string {
  const { direction, source, target, route, method, status, grpcStatus, tls, opaque } = labels;
  return `${source}\n${target}\n${route}\n${method}\n${status}\n${grpcStatus ?? ""}\n${direction}${tls}${opaque}${failure}`;
}

/** Keeps what sums need: who asked, direction, class of the status, and whether it failed. */
function fold(labels: Labels, knownSource: boolean): Labels {
  return {
    direction: labels.direction,
    source: knownSource ? labels.source : OVERFLOW,
    target: OVERFLOW,
    route: OVERFLOW,
    method: "",
    status: Math.floor(labels.status / 100) * 100,
    grpcStatus: undefined,
    tls: false,
    opaque: labels.opaque,
    failure: labels.failure,
  };
}

function encode(report: {
  readonly window: ReportWindow;
  readonly cells: readonly Cell[];
  readonly strings: StringTable;
  readonly overflowed: number;
}): Uint8Array {
  const { window, cells, strings, overflowed } = report;
  const reporter = strings.index(window.reporter);
  const rows = cells.map((cell) => encodeRow(cell, strings));
  return toBinary(
    ReportSchema,
    create(ReportSchema, {
      bootId: window.bootId,
      sequence: BigInt(window.sequence),
      startMs: BigInt(Math.round(window.startMs)),
      endMs: BigInt(Math.round(window.endMs)),
      strings: strings.list(),
      rows,
      overflowed,
      reporter,
    }),
  );
}

function encodeRow(cell: Cell, strings: StringTable): Row {
  return create(RowSchema, {
    direction: cell.direction === "inbound" ? WireDirection.INBOUND : WireDirection.OUTBOUND,
    source: strings.index(cell.source),
    target: strings.index(cell.target),
    route: strings.index(cell.route),
    method: strings.index(cell.method),
    status: cell.status,
    grpcStatus: cell.grpcStatus === undefined ? 0 : cell.grpcStatus + 1,
    tls: cell.tls,
    count: cell.count,
    retries: cell.retries,
    latency: sparse(cell.latency),
    latencySumUs: cell.latencySumUs,
    requestBytes: cell.requestBytes,
    responseBytes: cell.responseBytes,
    opaque: cell.opaque,
    openDelta: cell.openDelta,
    failure: cell.failure,
  });
}

/** Pairs (bucket index, count) of the buckets that are not empty. */
function sparse(buckets: Uint32Array): number[] {
  const pairs: number[] = [];
  buckets.forEach((count, index) => {
    if (count > 0) pairs.push(index, count);
  });
  return pairs;
}
