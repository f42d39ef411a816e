import type { Readable } from "node:stream";

export interface HoldOptions {
  /** Bytes that the head has announced. */
  readonly length: number;
  readonly passed: (bytes: number) => void;
  readonly done: (body: Buffer) => void;
}

/** Reads a body that is known to be small. `done` is not called when it breaks off: the client's half reports that. */
export function holdBody(source: Readable, { length, passed, done }: HoldOptions): void {
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  source.on("data", (chunk: Buffer) => {
    passed(chunk.length);
    if (first === undefined) first = chunk;
    else {
      more ??= [first];
      more.push(chunk);
    }
  });
  source.once("end", () => {
    const body = more === undefined ? first : Buffer.concat(more);
    // A reset HTTP/2 stream ends too.
    if (body?.length === length) done(body);
  });
}
