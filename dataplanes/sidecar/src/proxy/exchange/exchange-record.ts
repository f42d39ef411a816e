import type { RequestHead } from "../../core/http/request-head.ts";
import type { RequestRecord } from "../../core/types.ts";
import { authorityOf, type Origin } from "../listeners/side.ts";
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

/** A request that was refused before it became an exchange: malformed, or too large. */
export interface RefusedRequest {
  /** As far as it could be read. */
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly status: number;
}

/** Counted like any other request, under the name that it asked for, so that a client that sends only such ones is visible. */
export function recordRefused(origin: Origin, refused: RefusedRequest): void {
  const { side, peer, tls } = origin;
  const { method, path, status } = refused;
  const { direction } = side;
  const common = { direction, source: peer.name, identity: peer.identity, peerAddress: peer.address };
  const counts = { latencyMs: 0, requestBytes: 0, responseBytes: 0, attempts: 1 };
  const result = {
    status,
    grpcStatus: undefined,
    error: "bad-request",
    opaque: false,
    tls: direction === "inbound" && tls,
  };
  const authority = authorityOf(origin, refused);
  void side.router.route(authority === "" ? UNKNOWN : authority).then(({ target }) => {
    side.recorder.request({ ...common, ...counts, ...result, target, method, path });
  });
}

const UNKNOWN = "unknown";

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
