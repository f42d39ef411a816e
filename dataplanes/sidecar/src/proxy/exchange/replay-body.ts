import { PassThrough, type Readable } from "node:stream";

export interface ReplayBodyOptions {
  /** What was read of it before. */
  readonly kept: readonly Buffer[];
  /** Bytes that are kept; what is longer can only be sent once. */
  readonly limit: number;
  readonly passed: (bytes: number) => void;
  /** All of the source has been read. */
  readonly ended: () => void;
}

/**
 * A streaming body that may be sent more than once, as long as not more than its limit has been read: each try gets what came
 * before, then what comes. Nothing waits for the end, since a stream of gRPC may not have one before its response.
 */
export class ReplayBody {
  readonly #source: Readable;
  #kept: Buffer[] | undefined;
  #size = 0;
  #ended = false;
  #sink: PassThrough | undefined;

  constructor(source: Readable, { kept, limit, passed, ended }: ReplayBodyOptions) {
    this.#source = source;
    this.#kept = [...kept];
    for (const chunk of kept) this.#size += chunk.length;
    source.on("data", (chunk: Buffer) => {
      passed(chunk.length);
      this.#size += chunk.length;
      if (this.#size > limit) this.#kept = undefined;
      this.#kept?.push(chunk);
      if (this.#sink?.write(chunk) === false) source.pause();
    });
    const end = (): void => {
      this.#ended = true;
      ended();
      this.#sink?.end();
    };
    // The end of an empty HTTP/2 body may have come before there was a listener.
    if (source.readableEnded) end();
    else source.once("end", end);
  }

  /** Everything that has been read is still there. */
  get whole(): boolean {
    return this.#kept !== undefined;
  }

  /** The body for one more try; those before get nothing more. */
  open(): Readable {
    const sink = new PassThrough();
    this.#sink?.destroy();
    this.#sink = sink;
    for (const chunk of this.#kept ?? []) sink.write(chunk);
    if (this.#ended) sink.end();
    sink.on("drain", () => {
      if (sink === this.#sink) this.#source.resume();
    });
    if (!sink.writableNeedDrain) this.#source.resume();
    return sink;
  }

  /** No other attempt follows: the rest of the body is dropped. */
  close(): void {
    this.#kept = undefined;
    this.#sink?.destroy();
    this.#sink = undefined;
    this.#source.resume();
  }
}
