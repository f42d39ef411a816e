import type { RequestHead } from "./request-head.ts";

/** Status codes of gRPC (doc/statuscodes.md). */
const CANCELLED = 1;
const UNKNOWN = 2;
export const DEADLINE_EXCEEDED = 4;
export const UNAVAILABLE = 14;

const UNITS_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** What the call may take in milliseconds by its `grpc-timeout` (gRPC over HTTP/2: at most 8 digits and a unit); Infinity: it does not say. */
function timeoutMs({ headers }: RequestHead): number {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() !== "grpc-timeout") continue;
    const [, digits = "", unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(headers[i + 1] ?? "") ?? [];
    return Number(digits) * (UNITS_MS[unit] ?? Number.POSITIVE_INFINITY);
  }
  return Number.POSITIVE_INFINITY;
}

/** The client's clock began before ours: its deadline may come this much earlier here. */
const EARLY_MS = 20;

/** The status that a client has given a call that it broke off after `elapsedMs`: past its deadline it does so for that reason. */
export function cancelledStatus(head: RequestHead, elapsedMs: number): number {
  return elapsedMs >= timeoutMs(head) - EARLY_MS ? DEADLINE_EXCEEDED : CANCELLED;
}

/**
 * The status by which a client takes a call whose server gave none: by the HTTP status (doc/http-grpc-status-mapping.md). 0: the connection
 * or stream broke.
 */
export function missingStatus(httpStatus: number): number {
  return httpStatus === 0 ? UNAVAILABLE : (BY_HTTP_STATUS.get(httpStatus) ?? UNKNOWN);
}

const BY_HTTP_STATUS: ReadonlyMap<number, number> = new Map([
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, UNAVAILABLE],
  [431, 13],
  [499, CANCELLED],
  [502, UNAVAILABLE],
  [503, UNAVAILABLE],
  [504, UNAVAILABLE],
]);
