import type { RetryPlan } from "./retry-plan.ts";

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
  /** A response whose status the target's rule wants tried again. */
  | "status"
  /** Our own limit of connections or streams to the endpoint. Nothing was sent. */
  | "overload"
  /** A request that the endpoint's protocol cannot say. Nothing was sent. */
  | "invalid"
  /** A head that is larger than the endpoint takes. */
  | "too-large"
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
  /** The endpoint did nothing wrong, whatever the kind. */
  readonly blameless?: boolean;
}

/** One that broke no HTTP/2 stream. */
export function failureOf(kind: FailureKind, message: string): Failure {
  return { kind, message, resetCode: 0 };
}

/** Methods without a side effect that matters when done twice (RFC 9110 §9.2.1). PUT and DELETE are idempotent, but programs differ. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

export interface Retried {
  readonly method: string;
  /** Its body is empty, held, or untouched. */
  readonly replayable: boolean;
  /** What the target's rule says; absent: nothing. */
  readonly plan?: RetryPlan | undefined;
}

/** Whether a request may be tried again. Only before a response has begun; the caller sees to the budget. */
export function mayRetry(failure: Failure, { method, replayable, plan }: Retried): boolean {
  if (!replayable) return false;
  switch (failure.kind) {
    case "connect":
    case "unprocessed":
    case "overload":
      return true;
    case "stale":
    case "reset":
      return SAFE.has(method) || plan?.anyMethod === true;
    case "timeout":
      // Only where a rule asks for retries: a backend that is slow needs no second request (Gateway API: `timeouts` alone retry nothing).
      return plan !== undefined && (SAFE.has(method) || plan.anyMethod);
    case "status":
      return plan !== undefined;
    case "forbidden":
    case "too-large":
    case "invalid":
    case "loop":
      return false;
  }
}

/** Whether the endpoint is to blame, for balancing and failure accrual. */
export function blamesEndpoint({ kind, blameless = false }: Pick<Failure, "kind" | "blameless">): boolean {
  return !blameless && !BLAMELESS.has(kind);
}

const BLAMELESS: ReadonlySet<FailureKind> = new Set(["overload", "stale", "invalid", "too-large", "forbidden", "loop"]);
