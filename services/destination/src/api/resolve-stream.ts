import type { ServerHttp2Stream } from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type ResolveRequest, ResolveRequestSchema } from "@patchbay/proto/mesh/destination/v1/destination_pb";
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
import type { Update } from "../engine/update.ts";
import type { Subscriber, Watches } from "../engine/watches.ts";
import { readClientRequest } from "./client-request.ts";
import type { Quota } from "./quota.ts";

export interface ResolveStreamsOptions extends LatestStreamsOptions {
  readonly watches: Pick<Watches, "subscribe">;
  readonly quota: Quota;
}

export interface ResolveStreams {
  readonly handler: RawStreamHandler;
  /** Ends all streams; clients reconnect to another replica. */
  stop(): void;
}

const MAX_REQUEST_BYTES = 64 * 1024;

/** Resolve: each update is a buffer that was encoded once and is written to all streams as it is. */
export function createResolveStreams(options: ResolveStreamsOptions): ResolveStreams {
  const all = createLatestStreams(options);
  return {
    handler(stream, call) {
      const subscriber = new ResolveStream(stream, call, { all, options });
      readRequest(stream, {
        onRequest: (request) => subscriber.begin(request),
        onError: (error) => subscriber.end(error),
      });
    },
    stop: () => all.stop("this replica is stopping; ask again"),
  };
}

interface Streams {
  readonly all: LatestStreams;
  readonly options: ResolveStreamsOptions;
}

/** One watcher. */
class ResolveStream extends LatestStream<Update> implements Subscriber {
  readonly #call: RawCall;
  readonly #options: ResolveStreamsOptions;
  #leave: (() => void) | undefined;
  #giveBack: (() => void) | undefined;

  constructor(stream: ServerHttp2Stream, call: RawCall, { all, options }: Streams) {
    super(stream, call.protocol, all);
    this.#call = call;
    this.#options = options;
  }

  begin(request: ResolveRequest): void {
    const { watches, quota } = this.#options;
    const { caller, protocol } = this.#call;
    this.asked();
    try {
      const { authority, context } = readClientRequest(caller, request);
      this.#giveBack = quota.take(caller);
      beginStream(this.stream, protocol);
      this.#leave = watches.subscribe(authority, context, this);
      // The stream may have ended while it was subscribed.
      if (this.stream.destroyed) this.release();
    } catch (error) {
      this.end(ConnectError.from(error));
    }
  }

  protected override release(): void {
    this.#leave?.();
    this.#giveBack?.();
    this.#leave = undefined;
    this.#giveBack = undefined;
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
