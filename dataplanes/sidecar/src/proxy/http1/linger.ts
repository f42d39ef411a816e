import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/** Milliseconds for a client to notice that it was answered, and to stop sending. */
const LINGER_MS = 2_000;

/**
 * Closes the connection in two steps once the response is written, as RFC 9112 §9.6 wants it: FIN, then reads on until the client ends
 * too. Closed at once with a body unread, the kernel would answer what still comes by RST, and that would take the response away from
 * the client that has not read it yet.
 */
export function lingerOnClose(socket: Socket, request: IncomingMessage): void {
  // What node:http calls after a response that is the last on its connection.
  socket.destroySoon = () => {
    socket.end();
    request.resume();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once("close", () => clearTimeout(timer));
  };
}
