import { constants, type ServerHttp2Stream } from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type ResolveRequest, ResolveRequestSchema } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import {
  beginStream,
  endStream,
  type RawCall,
  type RawStreamHandler,
  readEnvelopes,
  type StreamProtocol,
} from "@patchbay/runtime";
import type { Update } from "../update.ts";
import type { Subscriber, Watches } from "../watches.ts";
import type { Quota } from "./quota.ts";
import { readAsking } from "./who-asks.ts";

export interface ResolveStreamsOptions {
  readonly watches: Pick<Watches, "subscribe">;
  readonly quota: Quota;
  /** A reader that takes nothing for this long loses its stream. */
  readonly stuckReaderMs: number;
  now(): number;
  onStuck(): void;
  onSent(): void;
}

export interface ResolveStreams {
  readonly handler: RawStreamHandler;
  /** Ends all streams; clients come back elsewhere. */
  stop(): void;
}

const MAX_REQUEST_BYTES = 64 * 1024;

/**
 * Resolve on the HTTP/2 stream itself: each update is a buffer that was encoded once and is written to all streams as it is.
 * A reader that does not keep up misses what is outdated and gets the latest when it takes in again.
 */
export function createResolveStreams(options: ResolveStreamsOptions): ResolveStreams {
  const open = new Set<ResolveStream>();
  const blocked = new Set<ResolveStream>();
  const silent = new Set<ResolveStream>();
  const sweep = setInterval(() => {
    const stuckSince = options.now() - options.stuckReaderMs;
    for (const stream of blocked) if (stream.blockedSince <= stuckSince) stream.giveUp();
    for (const stream of silent) if (stream.openedAt <= stuckSince) stream.end(neverAsked(options.stuckReaderMs));
  }, options.stuckReaderMs / 4).unref();
  const all: All = { options, open, blocked, silent };
  return {
    handler(stream, call) {
      const subscriber = new ResolveStream(stream, call.protocol, all);
      readRequest(stream, {
        onRequest: (request) => subscriber.begin(request, call),
        onError: (error) => subscriber.end(error),
      });
    },
    stop() {
      clearInterval(sweep);
      const error = new ConnectError("this replica is stopping; ask again", Code.Unavailable);
      for (const stream of open) stream.end(error);
    },
  };
}

interface All {
  readonly options: ResolveStreamsOptions;
  readonly open: Set<ResolveStream>;
  readonly blocked: Set<ResolveStream>;
  /** Those that have not said yet what they want to know. */
  readonly silent: Set<ResolveStream>;
}

function neverAsked(ms: number): ConnectError {
  return new ConnectError(`no request came within ${ms / 1_000} s`, Code.DeadlineExceeded);
}

/** One watcher. A class, since there are thousands of them and each closure would be kept once per stream. */
class ResolveStream implements Subscriber {
  blockedSince = 0;
  readonly openedAt: number;
  readonly #stream: ServerHttp2Stream;
  readonly #protocol: StreamProtocol;
  readonly #all: All;
  #leave: (() => void) | undefined;
  #giveBack: (() => void) | undefined;
  /** What the reader has not taken yet. */
  #waiting: Update | undefined;

  constructor(stream: ServerHttp2Stream, protocol: StreamProtocol, all: All) {
    this.#stream = stream;
    this.#protocol = protocol;
    this.#all = all;
    this.openedAt = all.options.now();
    all.open.add(this);
    all.silent.add(this);
    stream.once("close", () => this.#forget());
  }

  begin(request: ResolveRequest, { caller }: RawCall): void {
    const { watches, quota } = this.#all.options;
    this.#all.silent.delete(this);
    try {
      const { authority, context } = readAsking(caller, request);
      this.#giveBack = quota.take(caller);
      beginStream(this.#stream, this.#protocol);
      this.#leave = watches.subscribe(authority, context, this);
      // The stream may have ended while it was subscribed.
      if (this.#stream.destroyed) this.#forget();
    } catch (error) {
      this.end(ConnectError.from(error));
    }
  }

  deliver(update: Update): void {
    if (this.blockedSince > 0) {
      this.#waiting = update;
      return;
    }
    if (this.#stream.destroyed || this.#stream.writableEnded) return;
    const { onSent, now } = this.#all.options;
    onSent();
    if (this.#stream.write(update.envelope)) return;
    this.blockedSince = now();
    this.#all.blocked.add(this);
    this.#stream.once("drain", () => this.#goOn());
  }

  /** Ends the stream because its reader takes nothing; an orderly end would not reach it. */
  giveUp(): void {
    this.#all.options.onStuck();
    this.#forget();
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#stream.destroy();
  }

  end(error: ConnectError): void {
    this.#forget();
    endStream(this.#stream, this.#protocol, error);
  }

  #goOn(): void {
    this.blockedSince = 0;
    this.#all.blocked.delete(this);
    this.#all.silent.delete(this);
    const update = this.#waiting;
    this.#waiting = undefined;
    if (update) this.deliver(update);
  }

  #forget(): void {
    this.#leave?.();
    this.#giveBack?.();
    this.#leave = undefined;
    this.#giveBack = undefined;
    this.#waiting = undefined;
    this.#all.open.delete(this);
    this.#all.blocked.delete(this);
  }
}

interface RequestReader {
  onRequest(request: ResolveRequest): void;
  onError(error: ConnectError): void;
}

/** Exactly one message is expected. */
function readRequest(stream: ServerHttp2Stream, { onRequest, onError }: RequestReader): void {
  let request: ResolveRequest | undefined;
  const refuse = (message: string): void => onError(new ConnectError(message, Code.InvalidArgument));
  readEnvelopes(stream, {
    maxBytes: MAX_REQUEST_BYTES,
    onMessage(message) {
      if (request) return refuse("Resolve takes one request message");
      try {
        request = fromBinary(ResolveRequestSchema, message);
      } catch {
        return refuse("the message is not a ResolveRequest");
      }
      onRequest(request);
    },
    onEnd() {
      if (!request) refuse("the request message is missing");
    },
    onError: refuse,
  });
}
