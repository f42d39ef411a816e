import type { ServerHttp2Stream } from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type WatchRequest, WatchRequestSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import {
  beginStream,
  createLatestStreams,
  LatestStream,
  type LatestStreams,
  type LatestStreamsOptions,
  type RawCall,
  type RawStreamHandler,
  readEnvelopes,
} from "@patchbay/runtime";
import type { Reader, Subscribers } from "../engine/subscribers.ts";
import type { Update } from "../engine/update.ts";
import { createFollowSession, type FollowSession } from "./follow-session.ts";

export interface FollowStreamsOptions extends LatestStreamsOptions {
  readonly subscribers: Subscribers;
}

export interface FollowStreams {
  readonly handler: RawStreamHandler;
  stop(): void;
}

// A thousand hosts of 253 characters.
const MAX_REQUEST_BYTES = 512 * 1024;

/** Streams of Watch: a slow proxy skips to the latest snapshot when it reads again. */
export function createFollowStreams(options: FollowStreamsOptions): FollowStreams {
  const all = createLatestStreams(options);
  return {
    handler: (stream, call) => new FollowStream(stream, call, all).read(options.subscribers),
    stop: () => all.stop("this replica is stopping; follow again"),
  };
}

/** One proxy's stream. */
class FollowStream extends LatestStream<Update> implements Reader {
  readonly #call: RawCall;
  #session: FollowSession | undefined;

  constructor(stream: ServerHttp2Stream, call: RawCall, all: LatestStreams) {
    super(stream, call.protocol, all);
    this.#call = call;
  }

  read(subscribers: Subscribers): void {
    try {
      this.#session = createFollowSession(subscribers, this.#call.caller, this);
    } catch (error) {
      this.end(ConnectError.from(error));
      return;
    }
    beginStream(this.stream, this.#call.protocol);
    readEnvelopes(this.stream, {
      maxBytes: MAX_REQUEST_BYTES,
      onMessage: (message) => this.#receive(message),
      onEnd: () => this.end(),
      onError: (reason) => this.end(new ConnectError(reason, Code.InvalidArgument)),
    });
  }

  #receive(message: Buffer): void {
    if (!this.#session) return;
    try {
      this.#session.receive(decode(message));
      this.asked();
    } catch (error) {
      this.end(ConnectError.from(error));
    }
  }

  protected override release(): void {
    this.#session?.leave();
    this.#session = undefined;
  }
}

function decode(message: Buffer): WatchRequest {
  try {
    return fromBinary(WatchRequestSchema, message);
  } catch {
    throw new ConnectError("the message is not a FollowRequest", Code.InvalidArgument);
  }
}
