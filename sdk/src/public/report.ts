/**
 * What one proxy saw in a short window (10 s; 1 s in development), summed by source, target, route and result. Its rows, and
 * their latencies, are decoded when they are first read: an event that is filtered by its reporter costs little.
 */
export interface Report {
  /** Unique per report, also when it is delivered twice: what to make a handler idempotent by. */
  readonly id: string;
  /** The proxy's own service, such as `"default/web"`. */
  readonly reporter: string;
  readonly start: Date;
  readonly end: Date;
  readonly rows: readonly ReportRow[];
  /** Rows that were folded into a row named "overflow", because the proxy saw too many combinations of labels. */
  readonly overflowed: number;
}

/** One combination of labels. Rows with equal labels add up. */
export interface ReportRow {
  /** `"outbound"`: seen at the client's side; `"inbound"`: at the server's. A request through two proxies is in both. */
  readonly direction: "outbound" | "inbound";
  /** Who called; `"unknown"` without proof. */
  readonly source: string;
  /** The service that was asked for. */
  readonly target: string;
  /** Route such as `"GET /cart"`, or `"/demo.Users/Get"` for gRPC. */
  readonly route: string;
  readonly method: string;
  /** HTTP status; 0 when no response came, or for bytes that are not HTTP. */
  readonly status: number;
  /** Only for gRPC. */
  readonly grpcStatus?: number;
  /** The hop was mutual TLS. */
  readonly tls: boolean;
  /** The connection's bytes were not looked at; `requests` counts connections. */
  readonly opaque: boolean;
  readonly requests: number;
  /** How many of them failed: 0 or all, since the result is one of the labels. */
  readonly failures: number;
  /** How many of them needed more than one try. */
  readonly retries: number;
  readonly latency: Latency;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Change of the number of open connections in the window. */
  readonly openConnectionsChange: number;
}

/** A distribution in milliseconds. Percentiles are read off the buckets, so they are as exact as the buckets are wide. */
export interface Latency {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Only buckets with something in them, each with its own count. `upTo` is inclusive, the last one is `Infinity`. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[];
}

/** A watched authority got another answer. */
export interface EndpointChange {
  readonly authority: string;
  /** The resolver of the chain that decided, such as `"workloads"` or `"plugin/legacy-hosts"`. */
  readonly resolver: string;
  readonly outcome: "endpoints" | "empty" | "absent" | "failed";
  readonly endpoints: readonly { readonly address: string; readonly port: number; readonly weight: number }[];
  /** Hash of the content: equal versions are equal answers. */
  readonly version: string;
}

/** A plugin instance entered a state, such as `"ready"`, `"degraded"` or `"gone"`. */
export interface PluginChange {
  readonly name: string;
  readonly instance: string;
  readonly version: string;
  readonly state: string;
  readonly previous: string;
  readonly reason: string;
  readonly at: Date;
}
