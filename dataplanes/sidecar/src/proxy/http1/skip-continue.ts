import type { Socket } from "node:net";

const CONTINUE = Buffer.from("HTTP/1.1 100");
const END_OF_HEAD = Buffer.from("\r\n\r\n");

/**
 * Leaves out a 100 (Continue) that was not asked for, which every client must be able to parse (RFC 9110 §15.2) and undici takes for a
 * broken connection (lib/dispatcher/client-h1.js; remove when it passes them on). `awaitsHead`: a response's head is what comes next, so
 * that nothing in a body is mistaken for one.
 */
export function skipContinue(socket: Socket, awaitsHead: () => boolean): void {
  const read = socket.read.bind(socket);
  let held: Buffer | undefined;
  socket.read = (size?: number): Buffer | null => {
    for (let chunk: Buffer | null = read(size); chunk !== null; chunk = read(size)) {
      if (held === undefined && !awaitsHead()) return chunk;
      const rest = withoutContinue(held === undefined ? chunk : Buffer.concat([held, chunk]));
      held = rest === undefined ? Buffer.concat(held === undefined ? [chunk] : [held, chunk]) : undefined;
      if (rest !== undefined && rest.length > 0) return rest;
    }
    return null;
  };
}

/** Bytes of an interim response that are waited for; what is longer is left to the parser. */
const MAX_BYTES = 16_384;

/** What follows the interim responses that `bytes` begins with; undefined: one of them is not complete. */
function withoutContinue(bytes: Buffer): Buffer | undefined {
  let rest = bytes;
  while (rest.length > 0) {
    const begins = Math.min(rest.length, CONTINUE.length);
    if (rest.compare(CONTINUE, 0, begins, 0, begins) !== 0) return rest;
    const end = rest.indexOf(END_OF_HEAD);
    if (end < 0) return rest.length > MAX_BYTES ? rest : undefined;
    rest = rest.subarray(end + END_OF_HEAD.length);
  }
  return rest;
}
