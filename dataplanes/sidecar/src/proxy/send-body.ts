import type { Readable, Writable } from "node:stream";
import type { Outgoing } from "./parties.ts";

/**
 * Pipes a streamed body on, and calls `whole` once all of it is through. Not when the client broke off: then the exchange
 * cancels, and the peer must not take the part for the whole.
 */
export function sendBody(outgoing: Outgoing, sink: Writable, whole: () => void): void {
  const body = outgoing.takeBody();
  const ended = (): void => {
    if (outgoing.complete()) whole();
  };
  // An empty HTTP/2 body may have ended before anybody listened.
  if (body.readableEnded) return ended();
  body.pipe(sink, { end: false });
  body.once("end", ended);
}

/** Calls back at the end of a body, which may be behind us. */
export function onceEnded(body: Readable, done: () => void): void {
  if (body.readableEnded) done();
  else body.once("end", done);
}
