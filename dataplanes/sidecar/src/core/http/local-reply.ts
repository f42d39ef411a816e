import type { Failure } from "../routing/retry-rules.ts";
import type { Route } from "../types.ts";
import { missingStatus } from "./grpc-status.ts";

/** An answer that the sidecar gives itself. */
export interface LocalReply {
  readonly status: number;
  /** One word for scripts and counters: "no-endpoint". */
  readonly code: string;
  /** What happened, why, what to do; for people. */
  readonly text: string;
  /** For gRPC, when it is another one than `status` usually stands for. */
  readonly grpcStatus?: number;
}

const STATUS_BY_KIND = {
  connect: 503,
  unprocessed: 503,
  overload: 503,
  invalid: 400,
  stale: 502,
  reset: 502,
  timeout: 504,
  status: 502,
  "too-large": 431,
  forbidden: 403,
  loop: 508,
} as const satisfies Record<Failure["kind"], number>;

export interface FailedAttempt {
  readonly failure: Failure;
  readonly direction: "inbound" | "outbound";
  readonly target: string;
  /** "address:port" of the last endpoint tried. */
  readonly endpoint: string;
  readonly attempts: number;
}

/** The answer after the last attempt has failed. */
export function failedAnswer({ failure, direction, target, endpoint, attempts }: FailedAttempt): LocalReply {
  const times = attempts === 1 ? "" : ` (${attempts} attempts)`;
  const what = `no response from ${target === EGRESS ? "outside of the mesh," : `${target} at`} ${endpoint}${times}`;
  const hint = hintFor(failure.kind, { direction, target, endpoint });
  return { status: STATUS_BY_KIND[failure.kind], code: failure.kind, text: `${what}: ${failure.message}. ${hint}` };
}

/** The target under which recorders count what leaves the mesh. */
const EGRESS = "egress";

type Place = Pick<FailedAttempt, "direction" | "target" | "endpoint">;

function hintFor(kind: Failure["kind"], { direction, target, endpoint }: Place): string {
  if (kind === "forbidden")
    return "Programs in the mesh get what such addresses offer by other means, or from a proxy of your own";
  if (kind === "invalid") return "The endpoint speaks HTTP/2, which is stricter with fields than HTTP/1.1";
  if (kind === "too-large") return "Send fewer or shorter header fields";
  if (kind === "loop") return "Ask for the service by its name";
  if (direction === "inbound")
    return `The program behind this sidecar should listen on ${endpoint}: is it still starting, or has it stopped?`;
  return target === EGRESS
    ? `Nobody in the mesh serves it. See why: mesh explain ${endpoint}`
    : `See who serves it: mesh endpoints ${target}`;
}

/** What a client hears of a route that refuses. */
export function refusalOf({
  status,
  reason,
  code = "refused",
  grpcStatus,
}: Extract<Route, { kind: "refused" }>): LocalReply {
  return { status, code, text: reason, ...(grpcStatus === undefined ? {} : { grpcStatus }) };
}

export const LOOPED: LocalReply = {
  status: 508,
  code: "loop",
  text: "the request came round to the sidecar that had sent it. Does the name lead to a proxy that forwards to this one?",
};

export const NO_SWITCH: LocalReply = {
  status: 502,
  code: "upgrade",
  text: "the program switched protocols, which this connection cannot follow. Use HTTP/1.1 with Upgrade",
};

export const SLOW_BODY: LocalReply = {
  status: 408,
  code: "slow-body",
  text: "the request's body did not arrive in time",
};

/** `ms`: what the rule of that name allows. */
export function requestTimeout(ms: number, rule: string): LocalReply {
  return {
    status: 504,
    code: "request-timeout",
    text: `not answered within the ${ms} ms that ${rule} allows a request`,
    // DEADLINE_EXCEEDED
    grpcStatus: 4,
  };
}

/** The gRPC status that stands for a local reply. */
export function grpcStatusOfAnswer({ status, grpcStatus }: LocalReply): number {
  return grpcStatus ?? missingStatus(status);
}

/** grpc-message travels percent-encoded: printable ASCII without "%" stays. */
export function encodeGrpcMessage(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]/gu, (char) => encodeURIComponent(char));
}
