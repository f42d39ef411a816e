import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { ERROR_HEADER, tryParseAuthority } from "@patchbay/model";
import { failedAnswer, type LocalReply } from "../../core/http/local-reply.ts";
import type { ConnectionDispatcher } from "../listeners/connection-dispatcher.ts";
import type { Origin } from "../listeners/side.ts";
import { connectFailure, connectMessage } from "../upstream/connect-errors.ts";
import type { Egress } from "../upstream/egress.ts";
import { readFirstBytes } from "./first-bytes.ts";
import { joinOpaque } from "./opaque.ts";

export interface TunnelOptions {
  readonly outside: Egress;
  readonly namespace: string;
  readonly switchboard: () => ConnectionDispatcher;
}

/** Answers CONNECT: opens a tunnel into the mesh, or out of it. */
export type TunnelHandler = (request: IncomingMessage, socket: Socket, origin: Origin) => void;

const ESTABLISHED = "HTTP/1.1 200 Connection established\r\n\r\n";

export function createTunnelHandler(options: TunnelOptions): TunnelHandler {
  return (request, socket, origin) => {
    socket.on("error", () => socket.destroy());
    void openTunnel({ ...options, request, socket, origin });
  };
}

interface Opening extends TunnelOptions {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly origin: Origin;
}

async function openTunnel(opening: Opening): Promise<void> {
  const { request, socket, origin, namespace, switchboard } = opening;
  const startedAt = performance.now();
  const authority = request.url ?? "";
  const target = /:\d+$/.test(authority) ? tryParseAuthority(authority, namespace) : undefined;
  if (target === undefined || origin.side.direction === "inbound") {
    origin.side.counters.malformed += 1;
    return refuse(socket, {
      status: 400,
      code: "bad-request",
      text: "CONNECT needs a host and port, such as users:80",
    });
  }
  const route = await origin.side.router.route(authority);
  if (socket.destroyed) return;
  // With rules, what comes inside may lead somewhere all the same.
  if (route.kind === "refused" && origin.side.router.ruled?.(authority) !== true) {
    recordRefusal(origin, { target: route.target, authority, status: route.status, startedAt });
    return refuse(socket, { status: route.status, code: "refused", text: route.reason });
  }
  const inner = { ...origin, authority };
  if (route.kind === "egress")
    return leave(opening, { inner, host: target.shortHost, port: target.port, target: route.target });
  socket.write(ESTABLISHED);
  switchboard().tunnel(socket, inner);
}

interface Leaving {
  readonly inner: Origin;
  readonly host: string;
  readonly port: number;
  readonly target: string;
}

/**
 * Out of the mesh the connection is made first, so that the client of a failing CONNECT hears why. Plain HTTP inside is still
 * counted request by request, over connections of its own.
 */
function leave({ socket, origin, outside, switchboard }: Opening, { inner, host, port, target }: Leaving): void {
  const startedAt = performance.now();
  outside.tunnel({ host, port }, (error, server) => {
    const connectedMs = performance.now() - startedAt;
    if (server === null) {
      const failure = { kind: connectFailure(error), message: connectMessage(error), resetCode: 0 } as const;
      const answer = failedAnswer({ failure, direction: "outbound", target, endpoint: `${host}:${port}`, attempts: 1 });
      const status = failure.kind === "connect" ? 502 : answer.status;
      recordRefusal(origin, { target, authority: inner.authority, status, startedAt });
      return refuse(socket, { ...answer, status });
    }
    if (socket.destroyed) return void server.destroy();
    // It has no other listener before the client's first bytes.
    server.on("error", () => server.destroy());
    socket.write(ESTABLISHED);
    readFirstBytes(socket, { waitMs: inner.side.limits.detectMs }, (first) => {
      if (first === "opaque" || first === "tls" || first === "silent")
        return joinOpaque({
          origin: inner,
          client: socket,
          server: { socket: server, tls: false, pick: undefined, attempts: 1, connectedMs },
          target,
        });
      server.destroy();
      if (first === "closed") socket.destroy();
      else switchboard().tunnel(socket, inner);
    });
  });
}

function refuse(socket: Socket, { status, code, text }: LocalReply): void {
  const body = `${text}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${PHRASE.get(status) ?? ""}\r\nconnection: close\r\n${ERROR_HEADER}: ${code}\r\n` +
      `content-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const PHRASE = new Map([
  [400, "Bad Request"],
  [403, "Forbidden"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
  [508, "Loop Detected"],
]);

interface Refusal {
  readonly target: string;
  readonly authority: string;
  readonly status: number;
  readonly startedAt: number;
}

function recordRefusal({ side, peer }: Origin, { target, authority, status, startedAt }: Refusal): void {
  side.recorder.request({
    direction: side.direction,
    source: peer.name,
    target,
    method: "CONNECT",
    path: authority,
    status,
    grpcStatus: undefined,
    tls: false,
    latencyMs: performance.now() - startedAt,
    requestBytes: 0,
    responseBytes: 0,
    attempts: 1,
    opaque: false,
  });
}
