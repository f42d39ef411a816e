import type { Duplex, Readable } from "node:stream";
import type { HeaderList } from "@patchbay/model";
import type { LocalReply } from "../../core/http/local-reply.ts";
import type { RequestHead } from "../../core/http/request-head.ts";
import type { ResponseHead } from "../../core/http/response-head.ts";
import type { Failure } from "../../core/routing/retry-rules.ts";

/** The client's half of one exchange: what the exchange asks of it. All is written once and in order. */
export interface Downstream {
  readonly version: 1 | 2;
  readonly head: RequestHead;
  /** The request's body. Not read before the exchange takes it. */
  readonly body: Readable;
  /** The body has come to its end. */
  complete(): boolean;
  /** Trailers of the request, once complete. */
  trailers(): HeaderList;
  /** Bytes of the body have been read. */
  passed(bytes: number): void;
  inform(status: number, headers: HeaderList): void;
  respond(head: ResponseHead): void;
  /** False: hold back until `onDrain`. */
  write(chunk: Buffer): boolean;
  end(trailers: HeaderList): void;
  /** A whole answer of our own. Only before `respond`. */
  answer(answer: LocalReply, extra: HeaderList): void;
  /** Passes 101 on and gives up the connection; undefined where the protocol cannot. */
  switchProtocols(head: ResponseHead): Duplex | undefined;
  /** Breaks off, so that the client cannot take what it has for the whole. `code`: of HTTP/2. */
  reset(code: number): void;
}

/** What the client's half tells its exchange. */
export interface DownstreamEvents {
  onDrain(): void;
  /** Nothing more can be sent: all is, or the client went away. `code`: of HTTP/2; 0: none. The last event. */
  onClosed(code: number): void;
}

/** One try at one endpoint. */
export interface Attempt {
  /** Begins. Called once, first; events may come before it returns. */
  start(): void;
  /** Stops it; no event follows. `code`: of HTTP/2. */
  cancel(code: number): void;
  /** As `cancel`, for a response that is short: its connection is kept, and what is left of it is read away. */
  leave?(): void;
  /** Holds the response's body back; may deliver what has arrived. */
  pause(): void;
  resume(): void;
}

/** What an attempt tells its exchange. `onFailure`, `onEnd` and `onSwitched` are the last event. */
export interface AttemptEvents {
  onInformational(status: number, headers: HeaderList): void;
  onHead(head: ResponseHead): void;
  onData(chunk: Buffer): void;
  onEnd(trailers: HeaderList): void;
  onSwitched(head: ResponseHead, upstream: Duplex): void;
  onFailure(failure: Failure): void;
}

/** One request on its way to an endpoint. */
export interface Outgoing {
  readonly head: RequestHead;
  readonly version: 1 | 2;
  /** Value of `mesh-via` to send; empty: none. */
  readonly visited: string;
  /** The whole body when it is held, empty when there is none; undefined: it streams. */
  readonly held: Buffer | undefined;
  /** The streaming body, counted as it passes. From here on the request cannot be tried again. */
  takeBody(): Readable;
  /** Asked when the body has ended: with all of it, or because the client broke off? */
  complete(): boolean;
  /** Trailers that came after a streamed body. */
  trailers(): HeaderList;
}
