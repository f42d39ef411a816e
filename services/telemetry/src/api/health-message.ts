import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { preciseDuration, preciseMs } from "@patchbay/model";
import {
  type HealthRequest,
  type HealthResponse,
  HealthResponseSchema,
} from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import type { HealthQuery } from "../core/query/health.ts";
import { emptyHealthRow, type HealthResult } from "../core/query/health-row.ts";
import { type Completeness, whole, windowOf } from "./stat-message.ts";

/** What a request asks for. Throws INVALID_ARGUMENT. */
export function healthQueryOf({ window, source, target }: HealthRequest): HealthQuery {
  return { windowSeconds: windowOf(window), source, target };
}

export function toHealthResponse(result: HealthResult, { partial, missing }: Completeness): HealthResponse {
  return create(HealthResponseSchema, {
    window: preciseDuration(result.windowSeconds * 1_000),
    asOf: timestampFromMs(result.asOfMs),
    partial,
    missing: [...missing],
    rows: result.rows.map((row) => ({
      ...row,
      ejections: whole(row.ejections),
      refused: whole(row.refused),
      overloads: whole(row.overloads),
      retries: whole(row.retries),
      retriesDenied: whole(row.retriesDenied),
    })),
    decisions: result.decisions.map((row) => ({ ...row, count: whole(row.count) })),
  });
}

/** The answer of another replica. */
export function fromHealthResponse(response: HealthResponse): HealthResult {
  return {
    windowSeconds: preciseMs(response.window) / 1_000,
    asOfMs: response.asOf ? timestampMs(response.asOf) : 0,
    rows: response.rows.map((from) => ({
      ...emptyHealthRow(from.source, from.target, from.backend),
      proxies: from.proxies,
      reporting: from.reporting,
      endpoints: from.endpoints,
      ejected: from.ejected,
      outstanding: from.outstanding,
      retryBudget: from.retryBudget,
      ejections: Number(from.ejections),
      refused: Number(from.refused),
      overloads: Number(from.overloads),
      retries: Number(from.retries),
      retriesDenied: Number(from.retriesDenied),
    })),
    decisions: response.decisions.map(({ target, policy, source, verdict, count }) => ({
      target,
      policy,
      source,
      verdict,
      count: Number(count),
    })),
  };
}
