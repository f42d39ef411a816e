import { create } from "@bufbuild/protobuf";
import { type Row, RowSchema, Direction as WireDirection } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import type { Direction } from "../types.ts";
import type { StringTable } from "./string-table.ts";

/** What a request is counted under. */
export interface Counted {
  readonly direction: Direction;
  readonly source: string;
  readonly target: string;
  /** Service that was chosen for the target; empty: the target itself. */
  readonly backend: string;
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly grpcStatus: number | undefined;
  readonly tls: boolean;
  readonly opaque: boolean;
}

export interface Labels extends Counted {
  readonly failure: boolean;
}

/** One row of the next report. */
export interface Cell extends Labels {
  /** Its place among the report's rows. */
  readonly number: number;
  count: number;
  retries: number;
  latencySumUs: number;
  requestBytes: number;
  responseBytes: number;
  openDelta: number;
  readonly latency: Uint32Array;
}

export const ZERO = { count: 0, retries: 0, latencySumUs: 0, requestBytes: 0, responseBytes: 0, openDelta: 0 };

export const OVERFLOW = "overflow";

/** The texts of a row. */
export function textsOf(labels: Labels): readonly string[] {
  return [labels.source, labels.target, labels.backend, labels.route, labels.method];
}

export function labelsOf(seen: Counted): Counted {
  const { direction, source, target, backend, route, method, status, grpcStatus, tls, opaque } = seen;
  return { direction, source, target, backend, route, method, status, grpcStatus, tls, opaque };
}

export function keyOf(labels: Counted, failure: boolean): string {
  const { direction, source, target, backend, route, method, status, grpcStatus, tls, opaque } = labels;
  return `${source}\n${target}\n${backend}\n${route}\n${method}\n${status}\n${grpcStatus ?? ""}\n${direction}${tls}${opaque}${failure}`;
}

/** Keeps what sums need: who asked, direction, class of the status, and whether it failed. */
export function fold(labels: Labels, knownSource: boolean): Labels {
  return {
    direction: labels.direction,
    source: knownSource ? labels.source : OVERFLOW,
    target: OVERFLOW,
    backend: "",
    route: OVERFLOW,
    method: "",
    status: Math.floor(labels.status / 100) * 100,
    grpcStatus: undefined,
    tls: false,
    opaque: labels.opaque,
    failure: labels.failure,
  };
}

export function encodeRow(cell: Cell, strings: StringTable): Row {
  return create(RowSchema, {
    direction: cell.direction === "inbound" ? WireDirection.INBOUND : WireDirection.OUTBOUND,
    source: strings.index(cell.source),
    target: strings.index(cell.target),
    backend: strings.index(cell.backend),
    route: strings.index(cell.route),
    method: strings.index(cell.method),
    status: cell.status,
    ...(cell.grpcStatus === undefined ? {} : { grpcStatus: cell.grpcStatus }),
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
