import { createServer, type IncomingMessage, type Server, type ServerOptions } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ReadRequest } from "../../core/http/http2-fields.ts";
import { normalizeHead } from "../../core/http/normal-head.ts";
import {
  offeredUpgrade,
  type RequestFault,
  type RequestHead,
  readRequestFields,
} from "../../core/http/request-head.ts";
import { parseRequestTarget, type RequestTarget } from "../../core/http/request-target.ts";
import type { Direction } from "../../core/types.ts";
import type { Counters } from "../counters.ts";
import { Exchange } from "../exchange/exchange.ts";
import { recordRefused } from "../exchange/exchange-record.ts";
import type { Limits } from "../listeners/limits.ts";
import type { Origin } from "../listeners/side.ts";
import { codeOf } from "../upstream/connect-errors.ts";
import { currentResponse } from "./current-response.ts";
import { connectEvents, Http1Downstream, MeshResponse } from "./downstream.ts";

export interface Http1ServerOptions {
  readonly limits: Limits;
  readonly counters: Counters;
  /** A client asks for a tunnel. Its first bytes inside are put back already. */
  readonly onConnect: (request: IncomingMessage, socket: Socket, origin: Origin) => void;
}

/** Serves HTTP/1.1 on sockets that the listeners have accepted. */
export interface Http1Server {
  serve(socket: Socket, origin: Origin): void;
  /** Ends connections of a direction that are between two requests. */
  closeIdle(direction: Direction): void;
  stop(): void;
}

type MeshServer = Server<typeof IncomingMessage, typeof MeshResponse>;

export function createHttp1Server(options: Http1ServerOptions): Http1Server {
  const origins: Origins = new WeakMap();
  // One each, so that idle connections of one direction can be told from those of the other.
  const servers = { inbound: createMeshServer(options, origins), outbound: createMeshServer(options, origins) };
  return {
    serve(socket, origin) {
      origins.set(socket, origin);
      servers[origin.side.direction].emit("connection", socket);
    },
    closeIdle: (direction) => servers[direction].closeIdleConnections(),
    stop() {
      servers.inbound.close();
      servers.outbound.close();
    },
  };
}

type Origins = WeakMap<object, Origin>;

function createMeshServer({ limits, counters, onConnect }: Http1ServerOptions, origins: Origins): MeshServer {
  const server: MeshServer = createServer(serverOptions(limits));
  // Fields beyond this would be left out without a word; the limit in bytes is what counts.
  server.maxHeadersCount = 0;
  const handle = (request: IncomingMessage, response: MeshResponse, upgrading: boolean): void => {
    const origin = origins.get(request.socket);
    if (origin === undefined) request.destroy();
    else exchange(origin, { request, response, limits, upgrading });
  };
  server.on("request", (request, response) => handle(request, response, false));
  server.on("checkContinue", (request, response) => handle(request, response, false));
  server.on("upgrade", (request, socket, first) => {
    if (first.length > 0) socket.unshift(first);
    if (!isSocket(socket)) return void socket.destroy();
    // node:http has let go of the socket; should the program not switch, its response is the last on this connection.
    const response = new MeshResponse(request);
    response.assignSocket(socket);
    response.shouldKeepAlive = false;
    response.once("finish", () => socket.destroySoon());
    handle(request, response, true);
  });
  server.on("connect", (request, socket, first) => {
    if (first.length > 0) socket.unshift(first);
    const origin = origins.get(request.socket);
    if (origin === undefined || !isSocket(socket)) socket.destroy();
    else onConnect(request, socket, origin);
  });
  server.on("clientError", (error, socket) => refuse(error, socket, { counters, origin: origins.get(socket) }));
  // The server itself does not listen; this event starts its timer for slow heads.
  server.emit("listening");
  return server;
}

function serverOptions(limits: Limits): ServerOptions<typeof IncomingMessage, typeof MeshResponse> {
  return {
    ServerResponse: MeshResponse,
    maxHeaderSize: limits.maxHeadBytes,
    headersTimeout: limits.headMs,
    // Bodies may take their time, as long as they move; the exchange watches that.
    requestTimeout: 0,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headMs),
    insecureHTTPParser: false,
    // We say ourselves that there is none, and count it.
    requireHostHeader: false,
    optimizeEmptyRequests: true,
    // From Node 24.9 on. Before, such a request comes as an upgrade and closes its connection.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade !== undefined && offeredUpgrade(headers.upgrade) !== "",
  };
}

function isSocket(stream: Duplex): stream is Socket {
  return "remoteAddress" in stream;
}

interface Incoming {
  readonly request: IncomingMessage;
  readonly response: MeshResponse;
  readonly limits: Limits;
  /** The connection is no longer node:http's, and may become something else. */
  readonly upgrading: boolean;
}

function exchange(origin: Origin, { request, response, limits, upgrading }: Incoming): void {
  const { counters, draining } = origin.side;
  const { head, fault } = readHead(request, origin, { limits, upgrading });
  const downstream = new Http1Downstream({ request, response, head, draining });
  // Without one, a client that breaks off in the middle of a body would be an uncaught error.
  if (head.length !== 0) request.on("error", ignore);
  if (fault !== undefined) {
    if (fault.status === 431) counters.oversized += 1;
    else counters.malformed += 1;
    response.shouldKeepAlive = false;
    recordRefused(origin, { ...head, status: fault.status });
    return downstream.answer({ status: fault.status, code: "bad-request", text: fault.reason }, []);
  }
  const started = new Exchange(origin, downstream);
  connectEvents(response, started);
  started.start();
}

function ignore(): void {
  // The exchange hears of it by the response's close.
}

interface Reading {
  readonly limits: Limits;
  readonly upgrading: boolean;
}

function readHead(request: IncomingMessage, origin: Origin, { limits, upgrading }: Reading): ReadRequest {
  const { rawHeaders, httpVersionMinor } = request;
  const fields = readRequestFields(rawHeaders, httpVersionMinor === 0 ? "1.0" : "1.1");
  const target = parseRequestTarget(request.url ?? "", request.method ?? "");
  const named = namedBy(target, fields.host);
  const authority = named === "" ? origin.authority : named;
  // Without "Connection: upgrade" the field is only a word.
  const upgrade = upgrading ? fields.upgrade : "";
  const head = { ...fields, method: request.method ?? "", path: target?.path ?? "", authority, upgrade };
  const fault = headFault(request, head, limits) ?? fields.fault;
  return { head: normalizeHead(head, origin.side.direction), fault };
}

/** The authority of an absolute target goes before the Host field (RFC 9112 §3.2.2). */
function namedBy(target: RequestTarget | undefined, host: string): string {
  return target === undefined || target.authority === "" ? host : target.authority;
}

function headFault(
  request: IncomingMessage,
  head: RequestHead & { host: string },
  limits: Limits,
): RequestFault | undefined {
  const { rawHeaders, httpVersionMajor: major, httpVersionMinor: minor } = request;
  if (rawHeaders.length > 2 * limits.maxHeadFields)
    return { status: 431, reason: `more than ${limits.maxHeadFields} header fields` };
  if (major !== 1) return bad(`HTTP/${major}.${minor} in an HTTP/1.1 request line`);
  if (head.path === "") return bad(BAD_TARGET);
  if (head.authority === "" || (head.host === "" && minor === 1)) return bad("no Host field, so nobody knows where to");
  if (head.upgrade !== "" && head.length !== 0) return bad("an upgrade with a body is not supported");
  return undefined;
}

function bad(reason: string): RequestFault {
  return { status: 400, reason };
}

const BAD_TARGET =
  "the request's target is neither a path nor an http:// URL. For https, ask the proxy for a tunnel (CONNECT), as clients do with https_proxy";

interface RefusedBy {
  readonly counters: Counters;
  readonly origin: Origin | undefined;
}

/** What the parser refused: answered in words where nothing has been answered yet, and closed. */
function refuse(error: Error, socket: Duplex, { counters, origin }: RefusedBy): void {
  const code = codeOf(error);
  const [status, text] = refusal(code, error);
  if (answering(socket)) return void socket.destroy();
  if (status === 431) counters.oversized += 1;
  else if (status === 408) counters.slow += 1;
  else if (status === 400) counters.malformed += 1;
  if (status === 0 || !socket.writable) return void socket.destroy();
  if (origin !== undefined) recordRefused(origin, { ...requestLine(error), status });
  const body = `${text}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${status === 400 ? "Bad Request" : ""}\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nmesh-error: bad-request\r\n\r\n${body}`,
  );
}

/** What can be read of a request that the parser refused, from the bytes that it was looking at. */
function requestLine(error: Error): { method: string; path: string; authority: string } {
  const packet = "rawPacket" in error && Buffer.isBuffer(error.rawPacket) ? error.rawPacket : Buffer.alloc(0);
  const text = packet.toString("latin1", 0, 4_096);
  const [, method = "", url = ""] = /^([!-~]{1,32}) ([!-~]+) HTTP\//.exec(text) ?? [];
  const target = parseRequestTarget(url, method);
  const [, host = ""] = /\r\nhost:[ \t]*([!-~]*)/i.exec(text) ?? [];
  return { method, path: target?.path ?? "", authority: namedBy(target, host) };
}

function refusal(code: string, error: Error): readonly [number, string] {
  if (code === "HPE_HEADER_OVERFLOW") return [431, "the request's head is too long"];
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return [408, "the request's head did not arrive in time"];
  if (!code.startsWith("HPE_")) return [0, ""];
  const reason = "reason" in error && typeof error.reason === "string" ? error.reason : error.message;
  return [400, `not a valid HTTP/1.1 request: ${reason}`];
}

/** A response is on its way on this connection; anything written now would be taken for a part of it. */
function answering(socket: object): boolean {
  return currentResponse(socket)?.headersSent === true;
}
