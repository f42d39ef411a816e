import { parseSpiffeId } from "../name/spiffe.ts";

/** Who a certificate proves. */
export interface Identity {
  /** SPIFFE ID; empty: no proof. */
  readonly identity: string;
  /** Empty when the ID is none of a workload's. */
  readonly namespace: string;
  readonly service: string;
}

/** The caller. */
export interface SourceFacts extends Identity {
  /** "address:port" of its socket; may be empty. */
  readonly address: string;
}

/** What is called. */
export interface TargetFacts {
  readonly namespace: string;
  readonly service: string;
  /** Which branch of a split was taken, such as "users-next.default.svc.cluster.local:80". */
  readonly backend?: string;
  /** "address:port" of the endpoint that was picked. */
  readonly address?: string;
}

/** One request as rules see it. */
export interface RequestFacts {
  readonly method: string;
  /** Normalised (see `normalizePath`), without its query. */
  readonly path: string;
  /** Without "?", as the client wrote it. */
  readonly query: string;
  /** Without its port; in any case and with a dot at its end it is the same. */
  readonly host: string;
  /** Port that was asked for; absent: 80. */
  readonly port?: number;
  /** Name, value, name, value, as on the wire. The same array may not change while it is in use. */
  readonly headers: readonly string[];
  readonly protocol: "http/1.1" | "http/2" | "grpc";
  readonly source: SourceFacts;
  readonly target: TargetFacts;
  readonly tls: boolean;
  readonly direction: "inbound" | "outbound";
  /** Under which it is counted, such as "GET /users/{id}". */
  readonly route?: string;
}

/** The outcome of a request that has ended. */
export interface ResponseFacts {
  /** HTTP status; 0: there was no response. */
  readonly code: number;
  readonly grpcStatus: number | undefined;
  readonly latencyMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly headers: readonly string[];
  /** Tries, the first included. */
  readonly attempts: number;
  /** Why the proxy answered itself, in one word; empty: it did not. */
  readonly error: string;
  /** 32 hexadecimal digits; empty: not traced. */
  readonly traceId: string;
}

/** Namespace and service of a workload's SPIFFE ID; empty for every other text. */
export function identityOf(spiffe: string): Identity {
  const { namespace = "", name = "" } = parseSpiffeId(spiffe) ?? {};
  return { identity: spiffe, namespace, service: name };
}
