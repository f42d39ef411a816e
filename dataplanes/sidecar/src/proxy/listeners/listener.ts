import { createServer, type Socket } from "node:net";
import type { Counters } from "../counters.ts";

export interface ListenerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly maxConnections: number;
  readonly counters: Counters;
  readonly onSocket: (socket: Socket) => void;
}

/** A port, and all connections that came in by it. */
export interface Listener {
  /** Resolves with the port. Rejects with a sentence when it cannot be had. */
  start(): Promise<number>;
  /** Accepts no more; connections stay. */
  close(): void;
  destroy(): void;
  readonly open: number;
}

export function createListener({ host, port, maxConnections, counters, onSocket }: ListenerOptions): Listener {
  const sockets = new Set<Socket>();
  // Half open: a client may have said all and still listen.
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    counters.accepted += 1;
    counters.open += 1;
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      counters.open -= 1;
      sockets.delete(socket);
    });
    onSocket(socket);
  });
  server.maxConnections = maxConnections;
  server.on("drop", () => {
    counters.dropped += 1;
  });
  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once("error", (error) => reject(new Error(`cannot listen on ${host}:${port}: ${error.message}`)));
        server.listen({ host, port, backlog: 4096 }, () => {
          const address = server.address();
          resolve(typeof address === "object" && address !== null ? address.port : port);
        });
      }),
    close: () => void server.close(),
    destroy() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
    get open() {
      return sockets.size;
    },
  };
}
