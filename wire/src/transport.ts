import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";

export interface TransportOptions {
  /** "http://host:port" or "host:port"; clear-text HTTP/2. */
  address: string;
  /** The bearer token, asked for at each call. */
  token: () => string;
  /** For a unary call that brings none. Default 5000 ms. Streams have no deadline unless the call brings one. */
  deadlineMs?: number;
  /** A silent connection is asked for a sign of life after this. Default 10 s. */
  pingIntervalMs?: number;
  /** Without an answer in this time the connection and its streams end with UNAVAILABLE. Default 3 s. */
  pingTimeoutMs?: number;
}

export interface ClosableTransport extends Transport {
  /** Ends the connection and all calls. Later calls fail with CANCELED. */
  close(): void;
}

const DEADLINE_MS = 5000;
// A message larger than this is a mistake or an attack on our memory.
const READ_MAX_BYTES = 16 * 1024 * 1024;

/**
 * How one part of the mesh calls another: the Connect protocol over one kept connection of clear-text HTTP/2, without
 * compression. A lost connection is opened again by the next call. Variables such as `http_proxy` are not looked at.
 */
export function createTransport(options: TransportOptions): ClosableTransport {
  const baseUrl = options.address.includes("://") ? options.address : `http://${options.address}`;
  const session = new Http2SessionManager(baseUrl, {
    pingIntervalMs: options.pingIntervalMs ?? 10_000,
    pingTimeoutMs: options.pingTimeoutMs ?? 3000,
    pingIdleConnection: true,
  });
  const inner = createConnectTransport({
    baseUrl,
    httpVersion: "2",
    sessionManager: session,
    acceptCompression: [],
    readMaxBytes: READ_MAX_BYTES,
    interceptors: [bearer(options.token)],
  });
  return withDeadlineAndEnd(inner, { session, deadlineMs: options.deadlineMs ?? DEADLINE_MS });
}

function withDeadlineAndEnd(
  inner: Transport,
  { session, deadlineMs }: { session: Http2SessionManager; deadlineMs: number },
): ClosableTransport {
  let closed = false;
  const checkOpen = () => {
    if (closed) throw new ConnectError("the transport was closed", Code.Canceled);
  };
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      checkOpen();
      return inner.unary(method, signal, timeoutMs ?? deadlineMs, header, input, contextValues);
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      checkOpen();
      return inner.stream(method, signal, timeoutMs, header, input, contextValues);
    },
    close() {
      closed = true;
      session.abort(new ConnectError("the transport was closed", Code.Canceled));
    },
  };
}

function bearer(token: () => string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${token()}`);
    return next(request);
  };
}
