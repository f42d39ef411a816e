import type { RequestHead } from "../../core/http/request-head.ts";
import type { RequestRecord } from "../../core/types.ts";
import type { Origin } from "../listeners/side.ts";
import type { Attempts } from "./attempts.ts";
import type { Observations } from "./observations.ts";

/** What an exchange came to. */
export interface Outcome {
  readonly head: RequestHead;
  readonly attempts: Attempts;
  readonly sights: Observations | undefined;
  /** On `performance.now()`'s clock. */
  readonly startedAt: number;
  readonly status: number;
  readonly grpcStatus: number | undefined;
  /** When its connection was switched to another protocol, on the same clock: how long that lives is no latency. */
  readonly switchedAt: number | undefined;
  /** Code of an answer of our own, and the policy that it comes from. */
  readonly error: string;
  readonly policy: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** The one record that an exchange leaves. */
export function recordOf({ side, peer, tls }: Origin, outcome: Outcome): RequestRecord {
  const { head, attempts, sights, startedAt, switchedAt, ...rest } = outcome;
  return {
    ...rest,
    direction: side.direction,
    source: peer.name,
    identity: peer.identity,
    peerAddress: peer.address,
    backend: attempts.backend,
    endpoint: attempts.endpoint,
    trace: sights?.trace,
    target: attempts.target,
    method: head.method,
    path: head.path,
    tls: side.direction === "inbound" ? tls : attempts.proven,
    latencyMs: (switchedAt ?? performance.now()) - startedAt,
    attempts: Math.max(attempts.count, 1),
    opaque: false,
  };
}
