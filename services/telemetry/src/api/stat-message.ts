import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  GroupBy,
  type StatRequest,
  type StatResponse,
  StatResponseSchema,
  type StatRowSchema,
} from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { quantile } from "../core/query/quantile.ts";
import type { StatQuery } from "../core/query/stat.ts";
import { emptyRow, type StatResult, type StatRow } from "../core/query/stat-row.ts";

const DEFAULT_WINDOW_S = 60;
const LONGEST_WINDOW_S = 3_600;

/** What a request asks for. Throws INVALID_ARGUMENT. */
export function queryOf({ window, groupBy, source, target, route, backend }: StatRequest): StatQuery {
  return { windowSeconds: windowOf(window), groupBy: groupOf(groupBy), source, target, route, backend };
}

/** The window that a question asks for, in seconds. Throws INVALID_ARGUMENT. */
export function windowOf(window: number): number {
  if (window > LONGEST_WINDOW_S) {
    throw invalid(`window is ${window} s; windows run from 1 to ${LONGEST_WINDOW_S} seconds`);
  }
  return window || DEFAULT_WINDOW_S;
}

function groupOf(groupBy: GroupBy): StatQuery["groupBy"] {
  switch (groupBy) {
    case GroupBy.TARGET:
      return "target";
    case GroupBy.ROUTE:
      return "route";
    case GroupBy.BACKEND:
      return "backend";
    case GroupBy.PAIR:
    case GroupBy.UNSPECIFIED:
      return "pair";
    default:
      throw invalid(`group_by ${groupBy} is not known here; use target (1), pair (2), route (3) or backend (4)`);
  }
}

export function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}

export interface Completeness {
  readonly partial: boolean;
  /** Replicas that did not answer. */
  readonly missing: readonly string[];
}

export function toResponse(result: StatResult, { partial, missing }: Completeness): StatResponse {
  return create(StatResponseSchema, {
    window: result.windowSeconds,
    asOf: timestampFromMs(result.asOfMs),
    partial,
    missing: [...missing],
    rows: result.rows.map(toRow),
  });
}

function toRow(row: StatRow): MessageInitShape<typeof StatRowSchema> {
  return {
    source: row.source,
    target: row.target,
    route: row.route,
    backend: row.backend,
    requests: whole(row.requests),
    failures: whole(row.failures),
    rps: row.rps,
    p50Ms: quantile(row.latency, 0.5),
    p95Ms: quantile(row.latency, 0.95),
    p99Ms: quantile(row.latency, 0.99),
    requestBytes: whole(row.requestBytes),
    responseBytes: whole(row.responseBytes),
    tcpOpen: whole(row.tcpOpen),
    retries: whole(row.retries),
    latency: [...row.latency].flatMap((count, bucket) => (count > 0 ? [BigInt(bucket), whole(count)] : [])),
  };
}

/** A count as messages have it. */
export function whole(value: number): bigint {
  return BigInt(Math.round(value));
}

/** The answer of another replica. */
export function fromResponse(response: StatResponse): StatResult {
  return {
    windowSeconds: response.window,
    asOfMs: response.asOf ? timestampMs(response.asOf) : 0,
    rows: response.rows.map((from) => {
      const row = emptyRow(from);
      row.requests = Number(from.requests);
      row.failures = Number(from.failures);
      row.retries = Number(from.retries);
      row.requestBytes = Number(from.requestBytes);
      row.responseBytes = Number(from.responseBytes);
      row.tcpOpen = Number(from.tcpOpen);
      row.rps = from.rps;
      for (let at = 0; at < from.latency.length; at += 2) {
        const bucket = Number(from.latency[at]);
        if (bucket < row.latency.length) row.latency[bucket] = Number(from.latency[at + 1] ?? 0n);
      }
      return row;
    }),
  };
}
