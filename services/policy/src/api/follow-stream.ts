import { constants, type ServerHttp2Stream } from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type FollowRequest, FollowRequestSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import {
  beginStream,
  endStream,
  type RawCall,
  type RawStreamHandler,
  readEnvelopes,
  type StreamProtocol,
} from "@patchbay/runtime";
import type { Followers, Reader } from "../followers.ts";
import type { Update } from "../update.ts";
import { createFollowSession, type FollowSession } from "./follow-session.ts";

export interface FollowStreamsOptions {
  readonly followers: Followers;
  /** A reader that takes nothing for this long, or never says hello, loses its stream. */
  readonly stuckReaderMs: number;
  now(): number;
  onStuck(): void;
}

export interface FollowStreams {
  readonly handler: RawStreamHandler;
  stop(): void;
}

// A thousand hosts of 253 characters.
const MAX_REQUEST_BYTES = 512 * 1024;

/**
 * Follow on the HTTP/2 stream itself, so that a reader that does not keep up is seen: it misses what is outdated, gets the latest
 * when it takes in again, and loses its stream when it does not.
 */
export function createFollowStreams(options: FollowStreamsOptions): FollowStreams {
  const open = new Set<FollowStream>();
  const sweep = setInterval(() => {
    const since = options.now() - options.stuckReaderMs;
    for (const stream of open) stream.giveUpIfStuck(since);
  }, options.stuckReaderMs / 4).unref();
  return {
    handler(stream, call) {
      const reader = new FollowStream(stream, call, options);
      open.add(reader);
      stream.once("close", () => open.delete(reader));
      reader.read();
    },
    stop() {
      clearInterval(sweep);
      const error = new ConnectError("this replica is stopping; follow again", Code.Unavailable);
      for (const stream of open) stream.end(error);
    },
  };
}

/** One proxy's stream. */
class FollowStream implements Reader {
  readonly #stream: ServerHttp2Stream;
  readonly #protocol: StreamProtocol;
  readonly #call: RawCall;
  readonly #options: FollowStreamsOptions;
  readonly #openedAt: number;
  #session: FollowSession | undefined;
  #blockedSince = 0;
  /** What the reader has not taken yet. */
  #waiting: Update | undefined;

  constructor(stream: ServerHttp2Stream, call: RawCall, options: FollowStreamsOptions) {
    this.#stream = stream;
    this.#protocol = call.protocol;
    this.#call = call;
    this.#options = options;
    this.#openedAt = options.now();
    stream.once("close", () => this.#forget());
  }

  read(): void {
    try {
      this.#session = createFollowSession(this.#options.followers, this.#call.caller, this);
    } catch (error) {
      this.end(ConnectError.from(error));
      return;
    }
    beginStream(this.#stream, this.#protocol);
    readEnvelopes(this.#stream, {
      maxBytes: MAX_REQUEST_BYTES,
      onMessage: (message) => this.#receive(message),
      onEnd: () => this.end(),
      onError: (reason) => this.end(new ConnectError(reason, Code.InvalidArgument)),
    });
  }

  deliver(update: Update): void {
    if (this.#blockedSince > 0) {
      this.#waiting = update;
      return;
    }
    if (this.#stream.destroyed || this.#stream.writableEnded) return;
    if (this.#stream.write(update.envelope())) return;
    this.#blockedSince = this.#options.now();
    this.#stream.once("drain", () => this.#goOn());
  }

  end(error?: ConnectError): void {
    this.#forget();
    endStream(this.#stream, this.#protocol, error);
  }

  /** An orderly end would not reach who takes nothing. */
  giveUpIfStuck(since: number): void {
    const stuck = this.#blockedSince > 0 && this.#blockedSince <= since;
    const silent = this.#session?.begun() === false && this.#openedAt <= since;
    if (silent) return this.end(new ConnectError("no hello came", Code.DeadlineExceeded));
    if (!stuck) return;
    this.#options.onStuck();
    this.#forget();
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#stream.destroy();
  }

  #receive(message: Buffer): void {
    if (!this.#session) return;
    try {
      this.#session.receive(decode(message));
    } catch (error) {
      this.end(ConnectError.from(error));
    }
  }

  #goOn(): void {
    this.#blockedSince = 0;
    const update = this.#waiting;
    this.#waiting = undefined;
    if (update) this.deliver(update);
  }

  #forget(): void {
    this.#session?.leave();
    this.#session = undefined;
    this.#waiting = undefined;
  }
}

function decode(message: Buffer): FollowRequest {
  try {
    return fromBinary(FollowRequestSchema, message);
  } catch {
    throw new ConnectError("the message is not a FollowRequest", Code.InvalidArgument);
  }
}
