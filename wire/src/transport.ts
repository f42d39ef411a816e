import { Code, ConnectError, type Interceptor, type StreamResponse, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Http2Connection } from "./http2-connection.ts";

export interface TransportOptions {
  /** "http://host:port" or "host:port"; clear-text HTTP/2. */
  readonly address: string;
  /** The bearer token, asked for at each call. */
  readonly token: () => string;
  /** For a unary call that brings none. Default 5000 ms. Streams have no deadline unless the call brings one. */
  readonly deadlineMs?: number;
  /** A silent connection is asked for a sign of life after this. Default 10 s. */
  readonly pingIntervalMs?: number;
  /** Without an answer in this time the connection and its streams end with UNAVAILABLE. Default 3 s. */
  readonly pingTimeoutMs?: number;
  /** Run around each call, first the first. */
  readonly interceptors?: readonly Interceptor[];
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
 * compression. A lost connection fails its calls with UNAVAILABLE and is opened again by the next one.
 * Variables such as `http_proxy` are not looked at.
 */
export function createTransport(options: TransportOptions): ClosableTransport {
  const baseUrl = options.address.includes("://") ? options.address : `http://${options.address}`;
  const connection = new Http2Connection(baseUrl, {
    pingIntervalMs: options.pingIntervalMs ?? 10_000,
    pingTimeoutMs: options.pingTimeoutMs ?? 3000,
  });
  const inner = createConnectTransport({
    baseUrl,
    httpVersion: "2",
    sessionManager: connection,
    acceptCompression: [],
    readMaxBytes: READ_MAX_BYTES,
    interceptors: [...(options.interceptors ?? []), explain(() => connection.closed), again, bearer(options.token)],
  });
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  return {
    unary: (method, signal, timeoutMs, ...rest) => inner.unary(method, signal, timeoutMs ?? deadlineMs, ...rest),
    stream: (...call) => inner.stream(...call),
    close: () => connection.close(),
  };
}

function bearer(token: () => string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${token()}`);
    return next(request);
  };
}

// A server that is about to end refuses what it has not looked at (RFC 9113 §8.7), so it may be sent again, over a new
// connection.
const again: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    const known = ConnectError.from(error);
    const unseen = !known.isWireError && known.message.includes("REFUSED_STREAM");
    if (request.stream || request.signal.aborted || !unseen) throw error;
    return next(request);
  }
};

// A lost connection shows as one of these, depending on how Node noticed (INVALID_ARGUMENT: a message or the end of the
// stream is missing). To a caller it is UNAVAILABLE.
const LOST: readonly Code[] = [Code.Canceled, Code.Aborted, Code.Internal, Code.Unknown, Code.InvalidArgument];

function explain(closed: () => boolean): Interceptor {
  return (next) => async (request) => {
    const lost = (error: unknown) => {
      const known = ConnectError.from(error);
      if (known.isWireError || request.signal.aborted || closed() || !LOST.includes(known.code)) return known;
      const reason = `the connection was lost: ${known.rawMessage}`;
      return new ConnectError(reason, Code.Unavailable, undefined, undefined, known);
    };
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: explained(response, lost) } : response;
    } catch (error) {
      throw lost(error);
    }
  };
}

async function* explained(response: StreamResponse, lost: (error: unknown) => ConnectError) {
  try {
    yield* response.message;
  } catch (error) {
    throw lost(error);
  }
}
