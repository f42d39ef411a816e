import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { listen } from "@patchbay/testkit";

/** A program that speaks HTTP/2, on a free port, gone with its scope. */
export interface Http2App extends AsyncDisposable {
  readonly port: number;
  readonly server: Http2Server;
}

export async function startHttp2(
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  settings = {},
): Promise<Http2App> {
  const server = createServer({ settings, strictSingleValueFields: false });
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    onStream(stream, headers);
  });
  const port = await listen(server);
  return {
    port,
    server,
    [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      server.close();
      return Promise.resolve();
    },
  };
}

/** A client of HTTP/2 with one connection. */
export interface Client extends Disposable {
  readonly session: ClientHttp2Session;
  open(headers: OutgoingHttpHeaders, options?: { endStream?: boolean; waitForTrailers?: boolean }): ClientHttp2Stream;
}

export function http2Client(port: number): Client {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => undefined);
  return {
    session,
    open(headers, options) {
      const stream = session.request({ ":authority": "users", ":path": "/", ...headers }, options);
      stream.on("error", () => undefined);
      return stream;
    },
    [Symbol.dispose]: () => session.destroy(),
  };
}

/** All that came of a stream. */
export interface Whole {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  readonly code: number;
}

/** Waits until the stream is closed. `code`: of its reset; 0: none. */
export async function whole(stream: ClientHttp2Stream): Promise<Whole> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  let body = "";
  stream.once("response", (fields) => {
    headers = fields;
  });
  stream.once("trailers", (fields) => {
    trailers = fields;
  });
  stream.on("data", (chunk) => {
    body += String(chunk);
  });
  if (!stream.closed) await once(stream, "close").catch(() => undefined);
  return { headers, body, trailers, code: stream.rstCode };
}
