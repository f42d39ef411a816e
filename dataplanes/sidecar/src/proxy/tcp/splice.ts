import type { Duplex } from "node:stream";

/** Bytes that went each way. */
export interface Spliced {
  /** From the client to the server. */
  readonly sent: number;
  readonly received: number;
}

/** Milliseconds of silence after which the system asks whether the other machine is still there. */
const KEEPALIVE_MS = 30_000;

/**
 * Joins two connections until both are closed: each way with backpressure and its own end, so that one side may finish
 * talking and still listen. An error of one ends both.
 */
export function splice(client: Duplex, server: Duplex, done: (moved: Spliced) => void): void {
  const moved = { sent: 0, received: 0 };
  let open = 2;
  const closed = (): void => {
    open -= 1;
    if (open === 0) done(moved);
  };
  client.on("data", (chunk: Buffer) => {
    moved.sent += chunk.length;
  });
  server.on("data", (chunk: Buffer) => {
    moved.received += chunk.length;
  });
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    keepAlive(from);
    from.pipe(to);
    from.on("error", () => to.destroy());
    const over = (): void => {
      // What was read is still to be written; what had failed is not, and what comes now has nowhere to go.
      if (from.readableEnded && from.writableFinished) to.resume();
      else to.destroy();
      closed();
    };
    // It may have failed while the other one was awaited.
    if (from.closed) over();
    else from.once("close", over);
  }
}

function keepAlive(stream: Duplex): void {
  if ("setKeepAlive" in stream && typeof stream.setKeepAlive === "function") stream.setKeepAlive(true, KEEPALIVE_MS);
}
