import type { RequestHead } from "./http/request-head.ts";
import type { RouteAction } from "./routing/route-action.ts";

/** What one side of the sidecar asks of the other: `proxy/` moves bytes, `sources/` know where to and who we are. */

/** How an endpoint wants to be spoken to; `"any"` means: as the client speaks. */
export type EndpointProtocol = "any" | "http1" | "http2" | "opaque";

/** One address of a target. `identity` is the SPIFFE ID to be proven by its certificate; empty means plain text. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly protocol: EndpointProtocol;
  readonly identity: string;
}

/** An endpoint chosen for one attempt. Call `end` exactly once, when the attempt no longer occupies the endpoint. */
export interface Pick {
  readonly endpoint: Endpoint;
  /** Service that was chosen for the target by a split or rewrite; absent or empty: the target itself. */
  readonly backend?: string;
  /** `endpointKey(endpoint)`: what goes into `tried` for the next attempt of the same request. */
  readonly key: string;
  /** `failed` means the endpoint's fault (refused, reset, timeout, 5xx); feeds latency, accrual and probing.
   *  `latencyMs` runs from the attempt's start to the head of the response, so that a long stream is not a slow endpoint.
   *  `limited`: a limit answered, so how fast that was says nothing about the endpoint.
   *  Undefined: nothing was learned (the client went away first). */
  end(result: AttemptResult | undefined): void;
}

export interface AttemptResult {
  readonly failed: boolean;
  readonly latencyMs: number;
  /** Default false. */
  readonly limited?: boolean;
}

/** What is counted of a target beside its requests. */
export type TargetEvent = "refused" | "overloads" | "retries" | "retriesDenied";

export type Route =
  | {
      readonly kind: "mesh";
      /** The service's short name, for telemetry, such as "users" or "users.demo". */
      readonly target: string;
      /** Chooses a branch by weight (a retry stays in its branch), then an endpoint, not one of `tried` (keys) unless nothing
       *  else is left; undefined when the branch has none, or all are at their limit. */
      pick(tried: ReadonlySet<string>): Pick | undefined;
      /** Shared by all requests to the target. */
      readonly retries: RetryBudget;
      /** Why there may be no endpoint, for the error that a client sees. */
      readonly reason: string;
      /** Service that a rule has chosen for the target; absent or empty: the target itself. A pick's own goes before it. */
      readonly backend?: string;
      /** Counts what happens to an attempt at a backend (empty: the target itself). */
      count?(event: TargetEvent, backend: string): void;
      /** What a rule wants beside where it goes. Absent: nothing, the usual case. */
      readonly steering?: AppliedRoute;
    }
  /** No resolver of the mesh knows the name: forward as a plain proxy would. */
  | { readonly kind: "egress"; readonly target: string }
  | {
      readonly kind: "refused";
      readonly target: string;
      readonly status: 400 | 403 | 404 | 500 | 502 | 503 | 504;
      readonly reason: string;
      /** In one word; absent: "refused". */
      readonly code?: string;
      /** Service that a rule has chosen for the target, and that has no endpoints. */
      readonly backend?: string;
      /** For gRPC, when it is another one than `status` usually stands for. */
      readonly grpcStatus?: number;
    };

/** What a rule wants of one request beside where it goes. */
export interface AppliedRoute {
  readonly rule: RouteAction;
  /** To be sent in place of the request's own: the path in the form that the rule was chosen by, fields changed. */
  readonly head: RequestHead;
  /** Routes that get a copy of this request. */
  readonly mirrors: readonly (Route | Promise<Route>)[];
}

/** At most a fifth of requests may be second tries, with a small reserve for quiet targets. */
export interface RetryBudget {
  /** Counts a first try. */
  deposit(): void;
  /** Takes the right for one more try. */
  withdraw(): boolean;
}

export interface Router {
  /**
   * Answers from the cache, or asks once and waits for the first answer within the resolve deadline. Never rejects.
   * `head`: of the request, for rules that match on it; undefined for opaque connections.
   */
  route(authority: string, head?: RequestHead): Promise<Route>;
  /** Requests for it may lead elsewhere, each as its rules say, even when the name itself leads nowhere. Absent: never. */
  ruled?(authority: string): boolean;
}

export type Direction = "inbound" | "outbound";

/** One finished request (or opaque connection), as the recorder wants it. */
export interface RequestRecord {
  readonly direction: Direction;
  /** Outbound: this workload. Inbound: the name proven by mutual TLS, else "unknown". */
  readonly source: string;
  readonly target: string;
  readonly method: string;
  /** Path with its query, as sent; the recorder turns it into a route. Empty for opaque connections. */
  readonly path: string;
  /** 0: no response. Opaque: 0 ended after it was open, 5xx could not be made, and then `opened` was not called. */
  readonly status: number;
  /** Undefined: not gRPC. */
  readonly grpcStatus: number | undefined;
  readonly tls: boolean;
  readonly latencyMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly attempts: number;
  readonly opaque: boolean;
  /** Service that was chosen for the target by a split or rewrite; empty: the target itself. */
  readonly backend?: string;
  /** Proven SPIFFE ID of who called; empty: no proof. */
  readonly identity?: string;
  /** "address:port" of who called. */
  readonly peerAddress?: string;
  /** "address:port" of the last endpoint tried; empty: none. */
  readonly endpoint?: string;
  /** Code of an answer of our own; empty: the endpoint's answer. */
  readonly error?: string;
  /** Of the policy that refused it. */
  readonly policy?: string;
  readonly trace?: TraceRef | undefined;
}

/** W3C Trace Context, lower-case hexadecimal. */
export interface TraceRef {
  readonly traceId: string;
  readonly spanId: string;
}

export interface Recorder {
  request(record: RequestRecord): void;
  /** An opaque connection began; its end is a `request` with `opaque`. */
  opened(connection: {
    readonly direction: Direction;
    readonly source: string;
    readonly target: string;
    readonly backend?: string;
    readonly tls: boolean;
  }): void;
}
