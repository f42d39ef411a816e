import type { Socket } from "node:net";
import { type DetectedProtocol, detectProtocol } from "../../core/http/protocol-detection.ts";
import { startCoarseTimer } from "../exchange/coarse-timer.ts";

/** What the first bytes said, or why there are none. */
export type FirstBytes = DetectedProtocol | "silent" | "closed";

export interface Reading {
  readonly waitMs: number;
  /** "GET http://host/" is HTTP; else it is meant for a forward proxy. */
  readonly absolute?: boolean;
}

/**
 * Looks at the first bytes of a connection without taking them: they are put back before `decided` is called, exactly once.
 * `silent`: not enough came within `waitMs` to tell; what came is put back too.
 */
export function readFirstBytes(
  socket: Socket,
  { waitMs, absolute = false }: Reading,
  decided: (first: FirstBytes) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const finish = (first: FirstBytes): void => {
    stopTimer();
    socket.off("readable", look).off("end", closed).off("close", closed);
    // Listening for "readable" has stopped the flow; the server that takes the socket resumes it.
    if (bytes.length > 0 && !socket.destroyed) socket.unshift(bytes);
    decided(first);
  };
  const look = (): void => {
    for (let chunk = read(socket); chunk !== null; chunk = read(socket))
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const protocol = detectProtocol(bytes, absolute);
    if (protocol !== undefined) finish(protocol);
  };
  const closed = (): void => finish("closed");
  const stopTimer = startCoarseTimer(waitMs, () => finish("silent"));
  socket.on("readable", look).once("end", closed).once("close", closed);
}

function read(socket: Socket): Buffer | null {
  const chunk: unknown = socket.read();
  return Buffer.isBuffer(chunk) ? chunk : null;
}
