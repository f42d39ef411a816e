import { constants, type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { endStream, type StreamProtocol } from "./raw-stream.ts";

export interface LatestStreamsOptions {
  /** A reader that takes nothing for this long, or never says what it wants, loses its stream. */
  readonly stuckReaderMs: number;
  now(): number;
  onStuck(): void;
  /** An update has been written. */
  onSent?(): void;
}

/** Streams of which each reader gets the latest update that it has not taken. */
export interface LatestStreams {
  readonly options: LatestStreamsOptions;
  readonly open: Set<LatestStream<Framed>>;
  /** Ends all streams; clients come back elsewhere. */
  stop(why: string): void;
}

export function createLatestStreams(options: LatestStreamsOptions): LatestStreams {
  const open = new Set<LatestStream<Framed>>();
  const sweep = setInterval(() => {
    const since = options.now() - options.stuckReaderMs;
    for (const stream of open) stream.giveUpIfStuck(since);
  }, options.stuckReaderMs / 4).unref();
  return {
    options,
    open,
    stop(why) {
      clearInterval(sweep);
      const error = new ConnectError(why, Code.Unavailable);
      for (const stream of open) stream.end(error);
    },
  };
}

/** An update with its length prefix, ready to be written. */
export interface Framed {
  readonly envelope: Uint8Array;
}

/**
 * One reader on the HTTP/2 stream itself, so that one that does not keep up is seen: it misses what is outdated and gets the latest
 * when it takes in again. A class, since there are thousands of them and each closure would be kept once per stream.
 */
export abstract class LatestStream<Update extends Framed> {
  protected readonly stream: ServerHttp2Stream;
  readonly #protocol: StreamProtocol;
  readonly #all: LatestStreams;
  readonly #openedAt: number;
  #asked = false;
  #blockedSince = 0;
  /** What the reader has not taken yet. */
  #waiting: Update | undefined;

  constructor(stream: ServerHttp2Stream, protocol: StreamProtocol, all: LatestStreams) {
    this.stream = stream;
    this.#protocol = protocol;
    this.#all = all;
    this.#openedAt = all.options.now();
    all.open.add(this);
    stream.once("close", () => this.#forget());
  }

  /** Gives back what the reader holds. Called at the end, maybe more than once. */
  protected abstract release(): void;

  /** The reader has said what it wants. */
  protected asked(): void {
    this.#asked = true;
  }

  deliver(update: Update): void {
    if (this.#blockedSince > 0) {
      this.#waiting = update;
      return;
    }
    if (this.stream.destroyed || this.stream.writableEnded) return;
    const { onSent, now } = this.#all.options;
    onSent?.();
    if (this.stream.write(update.envelope)) return;
    this.#blockedSince = now();
    this.stream.once("drain", () => this.#goOn());
  }

  end(error?: ConnectError): void {
    this.#forget();
    endStream(this.stream, this.#protocol, error);
  }

  giveUpIfStuck(since: number): void {
    if (this.#blockedSince > 0 && this.#blockedSince <= since) this.#giveUp();
    else if (!this.#asked && this.#openedAt <= since) this.end(neverAsked(this.#all.options.stuckReaderMs));
  }

  /** An orderly end would not reach who takes nothing. */
  #giveUp(): void {
    this.#all.options.onStuck();
    this.#forget();
    this.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.stream.destroy();
  }

  #goOn(): void {
    this.#blockedSince = 0;
    const update = this.#waiting;
    this.#waiting = undefined;
    if (update) this.deliver(update);
  }

  #forget(): void {
    this.release();
    this.#waiting = undefined;
    this.#all.open.delete(this);
  }
}

function neverAsked(ms: number): ConnectError {
  return new ConnectError(`no request came within ${ms / 1_000} s`, Code.DeadlineExceeded);
}
