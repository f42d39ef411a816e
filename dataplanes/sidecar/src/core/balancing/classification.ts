/**
 * Whether a request counts as failed. docs/telemetry.md says the same in words; both change together.
 *
 * - HTTP: status 500 to 599, or no response at all (status 0: refused, reset, timed out). 499 (the client went away) is not one.
 * - gRPC: the statuses that blame the server: UNKNOWN (2), DEADLINE_EXCEEDED (4), INTERNAL (13), UNAVAILABLE (14) and
 *   DATA_LOSS (15). The others answer a question of the client, even when the answer is no.
 * - An opaque connection: only when it could not be made (status 5xx). Its bytes are not parsed.
 */
export function isFailure(result: {
  readonly status: number;
  readonly grpcStatus: number | undefined;
  readonly opaque: boolean;
}): boolean {
  if (result.grpcStatus !== undefined) return SERVER_FAULTS.has(result.grpcStatus);
  if (result.status === 0) return !result.opaque;
  return result.status >= 500 && result.status <= 599;
}

/** Whether a limit has answered in place of the program: 429, or gRPC's RESOURCE_EXHAUSTED. */
export function isLimited({
  status,
  grpcStatus,
}: {
  readonly status: number;
  readonly grpcStatus: number | undefined;
}): boolean {
  return status === 429 || grpcStatus === 8;
}

const SERVER_FAULTS = new Set([2, 4, 13, 14, 15]);
