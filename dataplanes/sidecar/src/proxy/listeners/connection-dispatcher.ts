import type { Socket } from "node:net";
import type { Counters } from "../counters.ts";
import type { Http1Server } from "../http1/server.ts";
import type { Http2Server } from "../http2/server.ts";
import { readFirstBytes } from "../tcp/first-bytes.ts";
import type { Limits } from "./limits.ts";
import type { Origin } from "./side.ts";

export interface ConnectionDispatcherOptions {
  readonly http1: Http1Server;
  readonly http2: Http2Server;
  readonly limits: Limits;
  readonly counters: Counters;
  readonly onOpaque: (socket: Socket, origin: Origin) => void;
  readonly onTls: (socket: Socket) => void;
}

/** Hands connections, by their first bytes, to what understands them. */
export interface ConnectionDispatcher {
  /** A program that takes us for a proxy: HTTP of one version or the other, nothing else. */
  proxyClient(socket: Socket, origin: Origin): void;
  /** A connection that leads to one place and may carry anything, TLS of the program's own included. */
  tunnel(socket: Socket, origin: Origin): void;
  /** A connection for the program: a peer's TLS, or plain text of an unauthenticated client. */
  inbound(socket: Socket, origin: Origin): void;
}

export function createConnectionDispatcher({
  http1,
  http2,
  limits,
  counters,
  onOpaque,
  onTls,
}: ConnectionDispatcherOptions): ConnectionDispatcher {
  return {
    proxyClient(socket, origin) {
      readFirstBytes(socket, { waitMs: limits.headMs }, (first) => {
        if (first === "http2") return http2.serve(socket, origin);
        if (first === "silent") counters.slow += 1;
        if (first === "silent" || first === "closed" || first === "tls") return void socket.destroy();
        // Also what looks like nothing: the parser says what is wrong with it.
        http1.serve(socket, origin);
      });
    },
    tunnel(socket, origin) {
      readFirstBytes(socket, { waitMs: limits.detectMs }, (first) => {
        if (first === "http2") http2.serve(socket, origin);
        else if (first === "http1") http1.serve(socket, origin);
        else if (first === "closed") socket.destroy();
        else onOpaque(socket, origin);
      });
    },
    inbound(socket, origin) {
      readFirstBytes(socket, { waitMs: limits.detectMs, absolute: true }, (first) => {
        if (first === "tls") onTls(socket);
        else if (first === "http2") http2.serve(socket, origin);
        else if (first === "http1") http1.serve(socket, origin);
        else if (first === "closed") socket.destroy();
        else onOpaque(socket, origin);
      });
    },
  };
}
