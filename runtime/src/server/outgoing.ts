import { constants, type ServerHttp2Stream } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import { beginStream, endStream, envelope, type StreamProtocol } from "./raw-stream.ts";

export interface OutgoingOptions {
  readonly stream: ServerHttp2Stream;
  readonly protocol: StreamProtocol;
  /** Messages that may wait for a reader. */
  readonly maxMessages: number;
  /** Bytes that may wait for a reader. */
  readonly maxBytes: number;
  /** Messages within this time travel together. Default 10 ms. */
  readonly gatherMs?: number;
  /** A reader that takes nothing for this long loses its stream. Default 10 s. */
  readonly stuckMs?: number;
  /** Between signs of life that are asked for. Default 10 s. */
  readonly pingIntervalMs?: number;
  /** Without an answer for this long the connection is cut. Default 3 s. */
  readonly pingTimeoutMs?: number;
}

/** Why a stream is over: ended on this side, reader gone, or reader stalled (flow control). */
export type OutgoingEnd = "ended" | "gone" | "stuck";

/** Messages to one reader, who may be slow or gone. */
export interface Outgoing {
  /** False: the buffer is full because the reader is slow (backpressure), or the stream is over. */
  send(message: Uint8Array): boolean;
  /** Ends the stream after what waits, well or with an error. */
  end(error?: ConnectError): void;
  /** Calls back once, when the stream is over on both sides. */
  onClose(listener: (why: OutgoingEnd) => void): void;
}

/**
 * Streams messages of which some may be lost and none may pile up: what waits is bounded, messages travel together, the stream
 * of a reader that stalls or is gone is closed.
 */
export function createOutgoing(options: OutgoingOptions): Outgoing {
  return new OutgoingStream(options);
}

/** For the reader to take what was sent last. */
const LAST_MS = 1_000;

class OutgoingStream implements Outgoing {
  readonly #options: OutgoingOptions;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #gathering: NodeJS.Timeout | undefined;
  #blockedSince = 0;
  #end: { readonly error: ConnectError | undefined } | undefined;
  #why: OutgoingEnd = "gone";

  constructor(options: OutgoingOptions) {
    this.#options = options;
    const { stream, protocol, stuckMs = 10_000, pingIntervalMs = 10_000 } = options;
    const watchdog = setInterval(() => this.#giveUpWhenStuck(stuckMs), stuckMs / 4).unref();
    const pings = setInterval(() => this.#ping(), pingIntervalMs).unref();
    stream.on("error", () => stream.destroy());
    stream.once("close", () => {
      clearInterval(watchdog);
      clearInterval(pings);
      clearTimeout(this.#gathering);
      this.#forget();
    });
    beginStream(stream, protocol);
  }

  send(message: Uint8Array): boolean {
    const { stream, maxMessages, maxBytes, gatherMs = 10 } = this.#options;
    if (this.#end !== undefined || stream.destroyed) return false;
    const framed = envelope(message);
    if (this.#waiting.length >= maxMessages || this.#bytes + framed.byteLength > maxBytes) return false;
    this.#waiting.push(framed);
    this.#bytes += framed.byteLength;
    if (this.#blockedSince === 0) this.#gathering ??= setTimeout(() => this.#flush(), gatherMs);
    return true;
  }

  end(error?: ConnectError): void {
    if (this.#end !== undefined) return;
    this.#why = "ended";
    this.#end = { error };
    if (this.#blockedSince === 0) this.#flush();
  }

  onClose(listener: (why: OutgoingEnd) => void): void {
    const { stream } = this.#options;
    if (stream.closed || stream.destroyed) queueMicrotask(() => listener(this.#why));
    else stream.once("close", () => listener(this.#why));
  }

  #flush(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const { stream, protocol } = this.#options;
    if (stream.destroyed) return;
    if (this.#waiting.length > 0) {
      const bytes = this.#waiting.length === 1 ? this.#waiting[0] : Buffer.concat(this.#waiting);
      this.#forget();
      if (!stream.write(bytes)) this.#block();
    }
    if (this.#end === undefined) return;
    endStream(stream, protocol, this.#end.error);
    // A client that has not ended its side would hold the stream half-open (RFC 9113 §8.1).
    stream.once("finish", () => setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), LAST_MS).unref());
  }

  #block(): void {
    this.#blockedSince = performance.now();
    this.#options.stream.once("drain", () => {
      this.#blockedSince = 0;
      this.#flush();
    });
  }

  #giveUpWhenStuck(stuckMs: number): void {
    if (this.#blockedSince === 0 || performance.now() - this.#blockedSince < stuckMs) return;
    if (this.#end === undefined) this.#why = "stuck";
    // An orderly end would wait for the reader too.
    this.#options.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#options.stream.destroy();
  }

  /** Finds readers whose machine is gone, which close nothing. */
  #ping(): void {
    const { session } = this.#options.stream;
    if (session === undefined || session.destroyed || session.closed) return;
    const cut = setTimeout(() => session.destroy(), this.#options.pingTimeoutMs ?? 3_000).unref();
    session.ping(() => clearTimeout(cut));
  }

  #forget(): void {
    this.#waiting = [];
    this.#bytes = 0;
  }
}
