import type { Duration } from "./duration.ts";

/**
 * What an answer depends on. `"source"` is the proven identity, which always counts, as do the policy and the called service:
 * name it when the answer depends on nothing else. `"header:x-tenant"` is one of the headers that the policy shows; an answer
 * that depends on any other is not valid.
 */
export type Vary = "source" | "method" | "path" | `header:${string}`;

/** Whether the mesh may use an answer again without asking. Both or none: a time without `vary` would never be used. */
export interface ReuseOptions {
  /** For how long; the mesh asks again after 5 minutes at the latest. */
  readonly ttl?: Duration;
  /** For requests that are equal in all of these. */
  readonly vary?: readonly Vary[];
}

/** How a request is refused. */
export interface DenyOptions extends ReuseOptions {
  /** 401 when the caller has to authenticate, 403 when that would not help (default). */
  readonly status?: 401 | 403;
}

/** The request may pass, as far as this plugin is concerned. */
export interface AllowDecision {
  readonly kind: "allow";
  readonly ttlMs?: number;
  readonly vary?: readonly Vary[];
}

/** The request is refused. */
export interface DenyDecision {
  readonly kind: "deny";
  /** For the caller. Empty: nothing is said. */
  readonly reason: string;
  readonly status: 401 | 403;
  readonly ttlMs?: number;
  readonly vary?: readonly Vary[];
}

/** What an authorizer returns. Make it with `allow()` or `deny("why")`. */
export type Decision = AllowDecision | DenyDecision;

/** How long a share of a limit is good. */
export interface GrantOptions {
  /** What is not used by then is lost. At most an hour. Default: for one request, now. */
  readonly validFor?: Duration;
}

/** When to ask again. */
export interface RefuseOptions {
  /** Default: after a second. */
  readonly retryAfter?: Duration;
}

/** So many requests may pass. */
export interface LeaseGrant {
  readonly kind: "grant";
  /** 1 to what was wanted. */
  readonly requests: number;
  readonly validForMs?: number;
}

/** No request may pass for now. */
export interface LeaseRefusal {
  readonly kind: "refuse";
  readonly retryAfterMs?: number;
}

/** What a rate limiter returns. Make it with `grant(10, { validFor: "1s" })` or `refuse({ retryAfter: "500ms" })`. */
export type Lease = LeaseGrant | LeaseRefusal;
