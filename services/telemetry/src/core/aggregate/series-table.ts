import { roomInFloats, roomInInts } from "./grow.ts";
import { KeyTable } from "./key-table.ts";

/** Parts of a series' key: its group, the method's label id, and the result packed into one number; the last is unused. */
export const SERIES_GROUP = 0;
export const SERIES_METHOD = 1;
export const SERIES_RESULT = 2;

/** How the requests of a series ended. */
export interface Result {
  /** HTTP status; 0: none. */
  readonly status: number;
  /** gRPC status plus 1; 0: not gRPC. */
  readonly grpcStatus: number;
  readonly failure: boolean;
}

/** gRPC status 2 (UNKNOWN) plus 1. */
const GRPC_UNKNOWN = 3;
/** The last gRPC status (16, UNAUTHENTICATED) plus 1. */
const GRPC_LAST = 17;

/**
 * Packs a result into one key part; `failure` is 0 or 1. A gRPC status that nobody defined counts as UNKNOWN, as
 * clients treat it.
 */
export function packResult(status: number, grpcStatus: number, failure: number): number {
  const grpc = grpcStatus > GRPC_LAST ? GRPC_UNKNOWN : grpcStatus;
  return status | (grpc << 10) | (failure << 15);
}

export function unpackResult(packed: number): Result {
  return {
    status: packed & 0x3ff,
    grpcStatus: (packed >> 10) & 0x1f,
    failure: ((packed >> 15) & 1) === 1,
  };
}

/** Series: a group by method and result. Their counts go to Prometheus. */
export class SeriesTable extends KeyTable {
  counts = new Float64Array(64);
  /** Connections that are open now. */
  open = new Float64Array(64);
  /** Label id of the reporter that made the series. */
  owners = new Int32Array(64);
  /** When the series was last added to, in ms. */
  usedAt = new Float64Array(64);

  /** A new series for `key`, with counts of zero. */
  create(owner: number): number {
    const series = this.add();
    this.counts = roomInFloats(this.counts, series + 1);
    this.open = roomInFloats(this.open, series + 1);
    this.owners = roomInInts(this.owners, series + 1);
    this.usedAt = roomInFloats(this.usedAt, series + 1);
    this.counts[series] = 0;
    this.open[series] = 0;
    this.owners[series] = owner;
    return series;
  }

  group(series: number): number {
    return this.part(series, SERIES_GROUP);
  }
}
