import type { Duration } from "./duration.ts";

/** One address that serves an authority. */
export interface Endpoint {
  /** An IP literal such as `"10.0.0.1"` or `"fd00::1"`, never a name. */
  readonly address: string;
  /** 1 to 65535. */
  readonly port: number;
  /** Relative share of requests, 1 or more. Default 1. */
  readonly weight?: number;
  readonly zone?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** What the endpoint speaks. Default: the client's protocol. `"http2"` includes gRPC. */
  readonly protocol?: "http1" | "http2" | "opaque";
  /** SPIFFE ID that the peer must prove by mutual TLS. Default: plain text, no proof. */
  readonly identity?: string;
}

/** A branch of a split: an authority and its relative share of requests. */
export interface SplitTarget {
  readonly authority: string;
  /** 0 or more; not all of them 0. */
  readonly weight: number;
}

/** These addresses serve it: the chain stops here. */
export interface EndpointsAnswer {
  readonly kind: "endpoints";
  readonly endpoints: readonly Endpoint[];
}

/** The authority exists but has no endpoints: the chain stops, requests fail with 503. */
export interface EmptyAnswer {
  readonly kind: "empty";
}

/** Not mine: the next resolver of the chain is asked. */
export interface AbsentAnswer {
  readonly kind: "absent";
  /** The answer may be cached for so many milliseconds. */
  readonly ttlMs?: number;
}

/** The chain starts again under another authority. */
export interface RewriteAnswer {
  readonly kind: "rewrite";
  readonly authority: string;
}

/** Requests are divided over other authorities by weight. */
export interface SplitAnswer {
  readonly kind: "split";
  readonly targets: readonly SplitTarget[];
}

/** What a resolver yields. Make them with `endpoints()`, `empty()`, `absent()`, `rewrite()`, `split()`. */
export type Answer = EndpointsAnswer | EmptyAnswer | AbsentAnswer | RewriteAnswer | SplitAnswer;

/** How long "not mine" may be cached. */
export interface AbsentOptions {
  /** How long the mesh may cache the answer. Default: it keeps watching for a change instead. */
  readonly ttl?: Duration;
}
