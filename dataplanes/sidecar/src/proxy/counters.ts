/** What the proxy has refused, cut or lost, and what it holds. Plain numbers, read by `stats()`. */
export interface Counters {
  /** Connections accepted, and open now. */
  accepted: number;
  open: number;
  /** Closed at once because the listener was full. */
  dropped: number;
  /** Requests in flight. */
  active: number;
  requests: number;
  retries: number;
  /** Requests that were no HTTP or could be read in two ways; answered 400 and closed. */
  malformed: number;
  /** Heads over the limit; answered 431. */
  oversized: number;
  /** Clients too slow with a head or body, or that did not read. */
  slow: number;
  /** Requests that came round again; answered 508. */
  looped: number;
  /** Connections whose TLS failed: no or a wrong certificate. */
  tlsFailed: number;
  /** HTTP/2 connections cut for sending frames without purpose. */
  flooded: number;
  /** Opaque connections that are open. */
  opaque: number;
  /** Copies of requests in flight, and those that were not made: too many, or the body was not held. */
  mirroring: number;
  mirrorsDropped: number;
}

export function createCounters(): Counters {
  return {
    accepted: 0,
    open: 0,
    dropped: 0,
    active: 0,
    requests: 0,
    retries: 0,
    malformed: 0,
    oversized: 0,
    slow: 0,
    looped: 0,
    tlsFailed: 0,
    flooded: 0,
    opaque: 0,
    mirroring: 0,
    mirrorsDropped: 0,
  };
}
