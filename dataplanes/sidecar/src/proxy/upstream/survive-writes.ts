import type { Socket } from "node:net";

type Done = (error?: Error | null) => void;

/**
 * Lets a socket be read on after a write has failed. A server that answers before it has the whole body (413, 401) and closes makes our
 * next write fail, while its response is already here: Node would destroy the socket, and the response with it. So what cannot be written
 * is dropped, and the connection ends when reading ends, by FIN or reset.
 *
 * `_write`, `_writev` and `_final` are what implementers of streams override.
 */
export function surviveWrites(socket: Socket): Socket {
  const { _write: write, _writev: writev, _final: final } = socket;
  let failed = false;
  const survive =
    (done: Done): Done =>
    (error) => {
      if (error instanceof Error) failed = true;
      done();
    };
  socket._write = (chunk, encoding, done) => (failed ? done() : write.call(socket, chunk, encoding, survive(done)));
  if (writev !== undefined)
    socket._writev = (chunks, done) => (failed ? done() : writev.call(socket, chunks, survive(done)));
  socket._final = (done) => (failed ? done() : final.call(socket, survive(done)));
  return socket;
}
