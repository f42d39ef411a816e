/** Bounds of what a client, a peer or a program can make the proxy hold. */
export interface Limits {
  /** Milliseconds without a byte after which a tunnel counts as a server-speaks-first protocol, so opaque. Default 250. Longer
   *  delays such protocols (MySQL, SMTP); shorter may miss HTTP of a slow client, which then is only counted as bytes. */
  readonly detectMs: number;
  /** Milliseconds for the head of a request, from its first byte; also for the first bytes of a connection. Default 5,000. */
  readonly headMs: number;
  /** Milliseconds for a connection to an endpoint, its TLS included. Default 1,000. */
  readonly connectMs: number;
  /** Milliseconds for a connection to something outside of the mesh, DNS and a forward proxy included. Default 10,000. */
  readonly connectOutsideMs: number;
  /** Milliseconds for the head of a response. Default 0: no limit, programs may think. */
  readonly responseMs: number;
  /** Milliseconds without a byte of a request body that is not complete. Default 60,000. */
  readonly bodyIdleMs: number;
  /** Milliseconds that a client may refuse to read its response. Default 60,000. */
  readonly stallMs: number;
  /** Milliseconds that a kept connection may idle. Default 75,000: longer than clients keep theirs, so that they close first. */
  readonly idleMs: number;
  /** Bytes of a request's head. Default 16,384. */
  readonly maxHeadBytes: number;
  /** Bytes of a response's head, and of its trailers, in which gRPC has its error details. Default 65,536. */
  readonly maxResponseHeadBytes: number;
  /** Fields of a request. Default 128. */
  readonly maxHeadFields: number;
  /** Connections on each listener; more are closed at once. Default 4,096. */
  readonly maxConnections: number;
  /** HTTP/1.1 connections to one endpoint; beyond, another endpoint is tried, then 503. Default 512. */
  readonly maxConnectionsPerEndpoint: number;
  /** HTTP/2 connections to one endpoint, for when one carries all the streams that its peer allows. Default 8. */
  readonly maxSessionsPerEndpoint: number;
  /** Streams at a time on one HTTP/2 connection. Default 1,000 outbound (one program, ours) and inbound (one peer, proven). */
  readonly maxStreams: number;
  /** Streams at a time on an inbound connection without proof. Default 100. */
  readonly maxStreamsUnproven: number;
  /** Bytes of a body that is held for a second try. Default 65,536. */
  readonly replayBytes: number;
  /** Attempts for one request, the first included; those that reached no program are not counted. Default 3; 1: no retries. */
  readonly maxAttempts: number;
}

export const DEFAULT_LIMITS: Limits = {
  detectMs: 250,
  headMs: 5_000,
  connectMs: 1_000,
  connectOutsideMs: 10_000,
  responseMs: 0,
  bodyIdleMs: 60_000,
  stallMs: 60_000,
  idleMs: 75_000,
  maxHeadBytes: 16_384,
  maxResponseHeadBytes: 65_536,
  maxHeadFields: 128,
  maxConnections: 4_096,
  maxConnectionsPerEndpoint: 512,
  maxSessionsPerEndpoint: 8,
  maxStreams: 1_000,
  maxStreamsUnproven: 100,
  replayBytes: 65_536,
  maxAttempts: 3,
};
