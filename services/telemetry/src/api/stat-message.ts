import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, durationMs, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { preciseDuration, preciseMs } from "@patchbay/model";
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
export function windowOf(window: Duration | undefined): number {
  return secondsOf("window", window, { longest: LONGEST_WINDOW_S, otherwise: DEFAULT_WINDOW_S });
}

/** Whole seconds within bounds; 0 and unset mean the default. Throws INVALID_ARGUMENT. */
export function secondsOf(
  field: string,
  time: Duration | undefined,
  { longest, otherwise }: { readonly longest: number; readonly otherwise: number },
): number {
  const seconds = time ? Math.ceil(durationMs(time) / 1_000) : 0;
  if (seconds < 0 || seconds > longest) throw invalid(`${field} is ${seconds} s; it may be 1 to ${longest} seconds`);
  return seconds === 0 ? otherwise : seconds;
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
    window: preciseDuration(result.windowSeconds * 1_000),
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
    ...quantilesOf(row),
    requestBytes: whole(row.requestBytes),
    responseBytes: whole(row.responseBytes),
    tcpOpen: whole(row.tcpOpen),
    retries: whole(row.retries),
    latency: [...row.latency].flatMap((count, bucket) => (count > 0 ? [BigInt(bucket), whole(count)] : [])),
  };
}

/** Unset without a request: then there is no latency. */
function quantilesOf({ latency }: StatRow): Pick<MessageInitShape<typeof StatRowSchema>, "p50" | "p95" | "p99"> {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => quantile(latency, share));
  if (p50 === undefined || p95 === undefined || p99 === undefined || !Number.isFinite(p50)) return {};
  return { p50: preciseDuration(p50), p95: preciseDuration(p95), p99: preciseDuration(p99) };
}

/** A count as messages have it. */
export function whole(value: number): bigint {
  return BigInt(Math.round(value));
}

/** The answer of another replica. */
export function fromResponse(response: StatResponse): StatResult {
  return {
    windowSeconds: preciseMs(response.window) / 1_000,
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
