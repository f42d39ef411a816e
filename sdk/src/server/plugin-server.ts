import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { errorMessage } from "@patchbay/model";
import { createProtocolMux } from "@patchbay/wire";
import { createRpcHandler } from "./rpc-handler.ts";

/** What a plugin serves, and where. */
export interface PluginServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  routes(router: ConnectRouter): void;
  /** An answer could not be written. */
  onError(path: string, error: Error): void;
  /** The page /metrics, in Prometheus' text format. */
  metrics(): Promise<string>;
}

/** A port that answers. */
export interface PluginServer {
  readonly host: string;
  readonly port: number;
  /** Ends streams that are open, waits for them for a moment, then cuts every connection. */
  close(): Promise<void>;
}

const PING_MS = 10_000;
const PING_ANSWER_MS = 3_000;
const CLOSE_MS = 500;

/** Serves hooks over gRPC and Connect (HTTP/2 in clear text) and pages over HTTP/1.1, on one port. Rejects when it cannot bind. */
export async function startPluginServer(options: PluginServerOptions): Promise<PluginServer> {
  const shutdown = new AbortController();
  const { http2, sessions } = createHookServer(options, shutdown.signal);
  const http1 = createHttp1({ maxHeaderSize: 16 * 1024 }, (request, response) => void page(options, request, response));
  // A server that gets its sockets by hand starts to enforce its timeouts on this event.
  http1.emit("listening");
  const front = createProtocolMux({ http1, http2 });
  const sockets = track(front);
  const port = await listen(front, options.host, options.port);
  return {
    host: options.host,
    port,
    async close() {
      shutdown.abort(new ConnectError("the plugin stops", Code.Unavailable));
      const closed = new Promise<void>((done) => front.close(() => done()));
      for (const session of sessions) session.close();
      http1.closeAllConnections();
      const timer = setTimeout(() => cut(sockets), CLOSE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

function createHookServer(
  options: PluginServerOptions,
  shutdownSignal: AbortSignal,
): { http2: Http2Server; sessions: Set<ServerHttp2Session> } {
  const handler = createRpcHandler({
    routes: (router) => options.routes(router),
    shutdownSignal,
    onError: (path, error) => options.onError(path, error),
  });
  // One connection of the core carries a stream per authority.
  const http2 = createHttp2({ settings: { maxConcurrentStreams: 10_000, maxHeaderListSize: 16 * 1024 } }, handler);
  const sessions = new Set<ServerHttp2Session>();
  http2.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => session.destroy());
    const stopPinging = keepAlive(session);
    session.once("close", () => {
      stopPinging();
      sessions.delete(session);
    });
  });
  return { http2, sessions };
}

/** Pings the core: when its machine vanishes no close arrives, and its open calls would never end. */
function keepAlive(session: ServerHttp2Session): () => void {
  let answer: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    clearTimeout(answer);
    answer = setTimeout(() => session.destroy(), PING_ANSWER_MS);
    if (!session.destroyed) session.ping(() => clearTimeout(answer));
  }, PING_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    clearTimeout(answer);
  };
}

async function page(options: PluginServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Pages of other sites may not read this one through a visitor's browser.
  if (request.headers.origin !== undefined) return end(response, 403, "not for browsers\n");
  const path = request.url?.split("?")[0];
  if (request.method !== "GET" || path !== "/metrics")
    return end(response, 404, "here are /metrics, and hooks over gRPC\n");
  try {
    end(response, 200, await options.metrics());
  } catch (error) {
    end(response, 500, `${errorMessage(error)}\n`);
  }
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(text);
}

function track(server: Server): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}

function cut(sockets: Set<Socket>): void {
  for (const socket of sockets) socket.destroy();
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((done, fail) => {
    server.once("error", (error) =>
      fail(new Error(`hooks cannot be served at ${host}:${port}: ${errorMessage(error)}`)),
    );
    server.listen({ host, port, backlog: 4096 }, () => {
      const address: AddressInfo | string | null = server.address();
      done(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
