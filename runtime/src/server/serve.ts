import { createServer as createHttp1, type Server as Http1Server } from "node:http";
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { createProtocolMux, type Log } from "@patchbay/wire";
import type { App, PageHandler, PageRequest, PageResponse } from "../app.ts";
import { authInterceptor, bearer, type TokenCheck } from "../auth.ts";
import { type TracerOf, traceHandlers } from "../trace/rpc-traces.ts";
import { createGuard, LOOPBACK_HOSTS } from "./guard.ts";
import { createPages, OPEN_PAGES, send } from "./pages.ts";
import { endStream, rawProtocol } from "./raw-stream.ts";
import { createRpcHandlers, type RequestHandler } from "./rpc.ts";

/** Targets of requests are paths; a URL needs the rest. */
const BASE = "http://localhost";

export interface ServeOptions {
  readonly apps: readonly App[];
  readonly check: TokenCheck;
  readonly log: Log;
  metrics(): Promise<string>;
  /** Default: loopback. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Names by which this server may be called. Default: those of loopback. */
  readonly hosts?: readonly string[];
  /** Makes spans of unary calls. Default: none are made. */
  readonly tracerOf?: TracerOf;
  /** Time for calls in flight when stopping. */
  readonly drainMs: number;
}

export interface RunningServer {
  readonly port: number;
  /** "http://host:port" */
  readonly address: string;
  /** Stops taking connections, lets calls finish for the drain time, then cuts the rest. */
  stop(): Promise<void>;
}

/** Serves apps on one port: Connect, gRPC and gRPC-Web over HTTP/1.1 and HTTP/2, pages, and raw streams. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const shutdown = new AbortController();
  const handle = createHandler(options, shutdown.signal);
  const http1 = createHttp1({ requestTimeout: 0, headersTimeout: 10_000, maxHeaderSize: 16 * 1024 }, handle);
  const { http2, sessions } = createHttp2Server(options, handle);
  // A server that gets its sockets by hand starts to enforce its header timeout and to track idle connections on this event.
  http1.emit("listening");
  const front = createProtocolMux({ http1, http2 });
  const sockets = track(front);
  const host = options.host ?? "127.0.0.1";
  const port = await listen(front, host, options.port ?? 0);
  const stop = createStop({ front, http1, sessions, sockets, shutdown, drainMs: options.drainMs });
  return { port, address: `http://${host}:${port}`, stop };
}

function createHandler(options: ServeOptions, shutdownSignal: AbortSignal): RequestHandler {
  const { apps, check, log } = options;
  const guard = createGuard(options.hosts ?? [...LOOPBACK_HOSTS, options.host ?? "127.0.0.1"]);
  const routes = (router: ConnectRouter): void => {
    for (const app of apps) app.routes(router);
  };
  const interceptors = [authInterceptor(check), traceHandlers(options.tracerOf)];
  const rpcs = createRpcHandlers({ routes, interceptors, shutdownSignal, log });
  const pages = createPages({ apps, metrics: options.metrics });
  return (request, response) => {
    const url = readUrl(request.url ?? "/");
    if (!url) return send(response, 400, "text/plain", "the request's target is not a path\n");
    const refusal = guard(request.headers);
    if (refusal !== undefined && !OPEN_PAGES.has(url.pathname))
      return send(response, 403, "text/plain", `refused: ${refusal}\n`);
    const rpc = rpcs.get(url.pathname);
    if (rpc) return rpc(request, response);
    servePage({ page: pages.get(url.pathname), url, check }, request, response);
  };
}

/** Undefined for what is no URL, such as "//", which any client may send. */
function readUrl(target: string): URL | undefined {
  return URL.canParse(target, BASE) ? new URL(target, BASE) : undefined;
}

interface PageCall {
  readonly page: PageHandler | undefined;
  readonly url: URL;
  readonly check: TokenCheck;
}

function servePage({ page, url, check }: PageCall, request: PageRequest, response: PageResponse): void {
  if (!page) return send(response, 404, "text/plain", `nothing is served at ${url.pathname}\n`);
  if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, "text/plain", "only GET\n");
  if (!OPEN_PAGES.has(url.pathname)) {
    try {
      const fromUrl = url.searchParams.get("token");
      check(fromUrl ?? bearer(request.headers.authorization));
    } catch (error) {
      return send(response, 401, "text/plain", `${ConnectError.from(error).rawMessage}\n`);
    }
  }
  page(request, response);
}

function createHttp2Server(
  options: ServeOptions,
  handle: RequestHandler,
): { http2: Http2Server; sessions: Set<ServerHttp2Session> } {
  const settings = { maxConcurrentStreams: 2_000, maxHeaderListSize: 16 * 1024 };
  const limits = { maxHeaderListPairs: 128, streamResetBurst: 1_000, streamResetRate: 33 };
  const http2 = createHttp2({ settings, ...limits });
  // A server that never listens turns the other streams into requests.
  const requests = createHttp2({ settings }, handle);
  const raw = new Map(options.apps.flatMap((app) => [...(app.streams ?? [])]));
  const guard = createGuard(options.hosts ?? [...LOOPBACK_HOSTS, options.host ?? "127.0.0.1"]);
  const sessions = new Set<ServerHttp2Session>();
  http2.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", (error) => options.log.debug({ error }, "session broke"));
  });
  http2.on("stream", (stream, headers, flags, rawHeaders) => {
    const handler = raw.get(headers[":path"] ?? "");
    const protocol = handler && rawProtocol(headers);
    if (handler === undefined || protocol === undefined)
      return void requests.emit("stream", stream, headers, flags, rawHeaders);
    stream.on("error", () => stream.destroy());
    try {
      const refusal = guard(headers);
      if (refusal !== undefined) throw new ConnectError(refusal, Code.PermissionDenied);
      handler(stream, { caller: options.check(bearer(headers.authorization)), headers, protocol });
    } catch (error) {
      endStream(stream, protocol, ConnectError.from(error));
    }
  });
  return { http2, sessions };
}

function track(server: Server): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // The usual backlog of 511 resets clients when a whole mesh reconnects at once.
    server.listen({ host, port, backlog: 4_096 }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

interface Stoppable {
  readonly front: Server;
  readonly http1: Http1Server;
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  readonly sockets: ReadonlySet<Socket>;
  readonly shutdown: AbortController;
  readonly drainMs: number;
}

function createStop({ front, http1, sessions, sockets, shutdown, drainMs }: Stoppable): () => Promise<void> {
  let stopped: Promise<void> | undefined;
  return () => {
    stopped ??= new Promise((resolve) => {
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, drainMs);
      front.close(() => {
        clearTimeout(cut);
        resolve();
      });
      shutdown.abort(new ConnectError("the server is stopping; try again elsewhere or in a moment", Code.Unavailable));
      http1.closeIdleConnections();
      http1.close();
      for (const session of sessions) session.close();
    });
    return stopped;
  };
}
