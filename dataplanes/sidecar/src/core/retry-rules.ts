/** Why an attempt came to nothing. */
export type FailureKind =
  /** No connection: refused, unreachable, timed out, or the peer did not prove its identity. Nothing was sent. */
  | "connect"
  /** The peer said that it has not processed the request: REFUSED_STREAM, GOAWAY, or a sidecar before its program. */
  | "unprocessed"
  /** A kept connection was closed as the request went out. The peer most likely never saw it. */
  | "stale"
  /** The connection or stream broke, or what came was no response. */
  | "reset"
  /** No response within the configured time. */
  | "timeout"
  /** Our own limit of connections or streams to the endpoint. Nothing was sent. */
  | "overload"
  /** A request that the endpoint's protocol cannot say. Nothing was sent. */
  | "invalid"
  /** An address that nothing is forwarded to. */
  | "forbidden"
  /** The address is this sidecar's own outbound port. */
  | "loop";

/** One attempt's end without a response. */
export interface Failure {
  readonly kind: FailureKind;
  /** What happened, for people: "connection refused". */
  readonly message: string;
  /** How an HTTP/2 stream broke, to be told to the client; 0 when it was no stream. */
  readonly resetCode: number;
}

/** Methods without a side effect that matters when done twice (RFC 9110 §9.2.1). PUT and DELETE are idempotent, but programs differ. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Whether a request may be tried again. `replayable`: its body is empty, held, or untouched. Only before a response has begun;
 * the caller sees to the budget.
 */
export function mayRetry(
  failure: Failure,
  request: { readonly method: string; readonly replayable: boolean },
): boolean {
  if (!request.replayable) return false;
  switch (failure.kind) {
    case "connect":
    case "unprocessed":
    case "overload":
      return true;
    case "stale":
    case "reset":
      return SAFE.has(request.method);
    case "timeout":
    case "forbidden":
    case "invalid":
    case "loop":
      return false;
  }
}

/** Whether the endpoint is to blame, for balancing and failure accrual. */
export function blamesEndpoint(kind: FailureKind): boolean {
  return !BLAMELESS.has(kind);
}

const BLAMELESS: ReadonlySet<FailureKind> = new Set(["overload", "stale", "invalid", "forbidden", "loop"]);
