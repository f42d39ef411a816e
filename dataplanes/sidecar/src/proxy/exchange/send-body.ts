import type { Readable, Writable } from "node:stream";
import type { Outgoing } from "./exchange-types.ts";

/**
 * Pipes a streamed body on, and calls `whole` once all of it is through. Not when the client broke off: then the exchange
 * cancels, and the peer must not take the part for the whole.
 */
export function sendBody(outgoing: Outgoing, sink: Writable, whole: () => void): void {
  const body = outgoing.takeBody();
  body.pipe(sink, { end: false });
  onceEnded(body, () => {
    if (outgoing.complete()) whole();
  });
}

/** Calls back at the end of a body; that of an empty HTTP/2 body may have come before there was a listener. */
export function onceEnded(body: Readable, done: () => void): void {
  if (body.readableEnded) done();
  else body.once("end", done);
}
