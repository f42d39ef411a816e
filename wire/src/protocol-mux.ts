import type { Server as HttpServer } from "node:http";
import type { Http2Server } from "node:http2";
import { createServer, type Server } from "node:net";

/** The first bytes of HTTP/2 with prior knowledge, RFC 9113 §3.4; three are enough to tell it from any HTTP/1 method. */
const PREFACE = "PRI";

export interface ProtocolMuxOptions {
  readonly http1: HttpServer;
  readonly http2: Http2Server;
  /** How long a connection may take to send three bytes. Default 10 s. */
  readonly firstBytesMs?: number;
}

/**
 * One port for HTTP/1.1 and HTTP/2: reads the first bytes, puts them back and hands the socket on.
 * Waits for three bytes where fewer could still become either, so that a preface in pieces does not reach the HTTP/1 parser.
 */
export function createProtocolMux({ http1, http2, firstBytesMs = 10_000 }: ProtocolMuxOptions): Server {
  return createServer({ noDelay: true }, (socket) => {
    const timer = setTimeout(() => socket.destroy(), firstBytesMs);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => clearTimeout(timer));
    let held = Buffer.alloc(0);
    const onReadable = (): void => {
      const bytes: Buffer | null = socket.read();
      if (bytes === null) return;
      held = Buffer.concat([held, bytes]);
      const head = held.toString("latin1", 0, PREFACE.length);
      if (head.length < PREFACE.length && PREFACE.startsWith(head)) return;
      socket.off("readable", onReadable);
      clearTimeout(timer);
      socket.unshift(held);
      (head === PREFACE ? http2 : http1).emit("connection", socket);
    };
    socket.on("readable", onReadable);
  });
}
