import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";
import { VISITED_HEADER } from "@patchbay/model";
import { http2RequestFields } from "../../core/http/http2-fields.ts";
import { readResponseHead, readTrailers } from "../../core/http/response-head.ts";
import type { FailureKind } from "../../core/routing/retry-rules.ts";
import type { Attempt, AttemptEvents, Outgoing } from "../exchange/exchange-types.ts";
import { sendBody } from "../exchange/send-body.ts";
import { sendTrailersOf } from "../exchange/trailers.ts";
import { connectFailure, connectMessage } from "../upstream/connect-errors.ts";
import { ConnectionLost, type Http2Sessions, type StreamPlace } from "./sessions.ts";

const {
  NGHTTP2_FLAG_END_STREAM: END_STREAM,
  NGHTTP2_REFUSED_STREAM: REFUSED,
  NGHTTP2_CANCEL: CANCEL,
  NGHTTP2_ENHANCE_YOUR_CALM: CALM,
} = constants;

/** One request as a stream of an HTTP/2 connection. A class, for one is made per request. */
export class Http2Attempt implements Attempt {
  readonly #sessions: Http2Sessions;
  readonly #outgoing: Outgoing;
  readonly #events: AttemptEvents;
  #stream: ClientHttp2Stream | undefined;
  #session: ClientHttp2Session | undefined;
  #trailers: string[] = [];
  #over = false;
  #headed = false;

  constructor(sessions: Http2Sessions, outgoing: Outgoing, events: AttemptEvents) {
    this.#sessions = sessions;
    this.#outgoing = outgoing;
    this.#events = events;
  }

  start(): void {
    this.#sessions.place((error, place) => {
      if (place === undefined) {
        if (error === undefined) return this.#fail("overload", FULL);
        return this.#fail(connectFailure(error), error);
      }
      if (this.#over) return place.release();
      this.#send(place);
    });
  }

  cancel(code: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream?.close(code === 0 ? CANCEL : code);
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  #send(place: StreamPlace): void {
    const { head, held, visited } = this.#outgoing;
    const fields = http2RequestFields(head);
    if (visited !== "") fields.push(VISITED_HEADER, visited);
    try {
      const endStream = held?.length === 0;
      const stream = place.session.request(fields, { endStream, waitForTrailers: held === undefined });
      this.#stream = stream;
      this.#session = place.session;
      place.occupy(stream);
    } catch (error) {
      place.release();
      const { closed, destroyed } = place.session;
      // The connection went away between being chosen and being used, or these fields will not do on any.
      return this.#fail(closed || destroyed ? "unprocessed" : "invalid", error);
    }
    this.#listen(this.#stream);
    if (held === undefined) this.#sendBody(this.#stream);
    else if (held.length > 0) this.#stream.end(held);
  }

  #sendBody(stream: ClientHttp2Stream): void {
    stream.once("wantTrailers", () => sendTrailersOf(stream, this.#outgoing.trailers()));
    sendBody(this.#outgoing, stream, () => stream.end());
  }

  #listen(stream: ClientHttp2Stream): void {
    stream.on("headers", (headers, _flags, raw) => {
      if (!this.#over) this.#events.onInformational(Number(headers[":status"]), readTrailers(fieldsOf(raw)));
    });
    stream.once("response", (headers, flags, raw) => {
      if (this.#over) return;
      this.#headed = true;
      const last = (flags & END_STREAM) !== 0;
      this.#events.onHead(
        readResponseHead({ status: Number(headers[":status"]), message: "", raw: fieldsOf(raw), last }),
      );
    });
    stream.on("data", (chunk: Buffer) => {
      if (!this.#over) this.#events.onData(chunk);
    });
    stream.once("trailers", (_headers, _flags, raw) => {
      this.#trailers = readTrailers(fieldsOf(raw));
    });
    stream.once("end", () => this.#ended(stream));
    stream.on("error", (error) => this.#broken(stream, error));
    stream.once("close", () => this.#broken(stream, CLOSED));
  }

  #ended(stream: ClientHttp2Stream): void {
    // A reset stream ends too, and one without a head is no response.
    if (this.#over || stream.rstCode !== 0 || !this.#headed) return;
    this.#over = true;
    this.#events.onEnd(this.#trailers);
    // Neither side wants the rest of the body, and it would keep this stream open without end.
    if (!stream.writableEnded) stream.close(CANCEL);
  }

  #broken(stream: ClientHttp2Stream, error: unknown): void {
    // Node gives the streams of a lost connection the code CANCEL; the peer has sent none.
    if (error instanceof ConnectionLost || this.#session?.destroyed === true) return this.#fail("reset", error);
    if (stream.rstCode === REFUSED) return this.#fail("unprocessed", new Error("the peer refused the stream"));
    // The peer's answer to too many or too large fields (RFC 9113 §10.5.1): the client's doing, here and at every other endpoint.
    if (stream.rstCode === CALM && !this.#headed) return this.#fail("too-large", TOO_LARGE, CALM);
    this.#fail("reset", error, stream.rstCode);
  }

  #fail(kind: FailureKind, error: unknown, resetCode = 0): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.onFailure({ kind, message: connectMessage(error), resetCode });
  }
}

const FULL = new Error("all connections to it carry as many streams as it allows");
const CLOSED = new Error("the stream was closed before its response was complete");
const TOO_LARGE = new Error("the peer takes no head as large as this one");

/** Without the pseudo fields, which come first. */
function fieldsOf(raw: unknown): readonly string[] {
  if (!Array.isArray(raw)) return [];
  let first = 0;
  while (String(raw[first]).startsWith(":")) first += 2;
  return first === 0 ? raw : raw.slice(first);
}
