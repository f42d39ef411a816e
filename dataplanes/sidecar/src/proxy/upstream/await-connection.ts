import type { Socket } from "node:net";
import { startCoarseTimer } from "../exchange/coarse-timer.ts";

/** Either an error or a socket. */
export type Connected = (error: Error | null, socket: Socket | null) => void;

export interface Awaiting {
  readonly socket: Socket;
  readonly ready: "connect" | "secureConnect";
  readonly connectMs: number;
  readonly connected: Connected;
}

/** Calls back exactly once: when the socket is ready, or when it cannot become so or has not in time and is destroyed. */
export function awaitConnection({ socket, ready, connectMs, connected }: Awaiting): void {
  const settle = (error: Error | null): void => {
    stopTimer();
    socket.off("error", settle).off("close", closed).off(ready, done);
    if (error === null) return connected(null, socket);
    // A late error of a dead socket must not end the process.
    socket.on("error", ignore).destroy();
    connected(error, null);
  };
  const done = (): void => settle(null);
  const closed = (): void => settle(new Error("connection closed during its handshake"));
  const stopTimer = startCoarseTimer(connectMs, () => settle(new Error(`no connection within ${connectMs} ms`)));
  socket.on("error", settle).on("close", closed).on(ready, done);
}

function ignore(): void {
  // Nothing to tell: the connection was given up before.
}
