import { constants, type ServerHttp2Stream } from "node:http2";
import type { Duplex, Readable } from "node:stream";
import { ERROR_HEADER, type HeaderList } from "@patchbay/model";
import { http2ResponseFields } from "../../core/http/http2-fields.ts";
import { encodeGrpcMessage, grpcStatusOfAnswer, type LocalReply } from "../../core/http/local-reply.ts";
import type { RequestHead } from "../../core/http/request-head.ts";
import { type ResponseHead, readTrailers } from "../../core/http/response-head.ts";
import type { Downstream, DownstreamEvents } from "../exchange/exchange-types.ts";
import { sendTrailersOf } from "../exchange/trailers.ts";

export interface Http2DownstreamOptions {
  readonly stream: ServerHttp2Stream;
  readonly head: RequestHead;
  /** Told of every part of the body that was read. */
  readonly passed: (bytes: number) => void;
}

/** The client's half of an exchange over HTTP/2. A class, for one is made per request. */
export class Http2Downstream implements Downstream {
  readonly version = 2;
  readonly head: RequestHead;
  readonly body: Readable;
  readonly #stream: ServerHttp2Stream;
  readonly #passed: (bytes: number) => void;
  #requestTrailers: HeaderList = [];
  #trailers: HeaderList = [];

  constructor({ stream, head, passed }: Http2DownstreamOptions) {
    this.head = head;
    this.body = stream;
    this.#stream = stream;
    this.#passed = passed;
  }

  connect(events: DownstreamEvents): void {
    const stream = this.#stream;
    stream.on("drain", () => events.onDrain());
    stream.once("close", () => events.onClosed(stream.rstCode));
    if (this.head.length === 0) return;
    stream.once("trailers", (_headers, _flags, raw: unknown) => {
      this.#requestTrailers = Array.isArray(raw) ? readTrailers(raw) : [];
    });
  }

  complete(): boolean {
    // A reset stream ends as well.
    return this.#stream.readableEnded && this.#stream.rstCode === 0 && !this.#stream.aborted;
  }

  trailers(): HeaderList {
    return this.#requestTrailers;
  }

  passed(bytes: number): void {
    this.#passed(bytes);
  }

  inform(status: number, headers: HeaderList): void {
    if (this.#open()) this.#stream.additionalHeaders(http2ResponseFields(status, headers));
  }

  respond({ status, headers, last, announced }: ResponseHead): void {
    if (!this.#open()) return;
    const stream = this.#stream;
    const fields = last || announced === "" ? headers : [...headers, "trailer", announced];
    stream.respond(http2ResponseFields(status, fields), { endStream: last, waitForTrailers: !last });
    if (last) return this.#letGo();
    stream.once("wantTrailers", () => {
      sendTrailersOf(stream, this.#trailers);
      // A reset in this turn would overtake the trailers, and with them the status of gRPC.
      setImmediate(() => this.#letGo());
    });
  }

  write(chunk: Buffer): boolean {
    return this.#stream.write(chunk);
  }

  end(trailers: HeaderList): void {
    this.#trailers = trailers;
    if (!this.#stream.writableEnded) this.#stream.end();
  }

  answer(answer: LocalReply, extra: HeaderList): void {
    if (!this.#open()) return;
    const { status, code, text } = answer;
    const own = [ERROR_HEADER, code, ...extra];
    if (this.head.grpc) {
      // Clients of gRPC show the message of a response with trailers only, but no body.
      const fields = ["content-type", "application/grpc", "grpc-status", String(grpcStatusOfAnswer(answer))];
      fields.push("grpc-message", encodeGrpcMessage(text), ...own);
      this.#stream.respond(http2ResponseFields(200, fields), { endStream: true });
    } else {
      this.#stream.respond(http2ResponseFields(status, ["content-type", "text/plain; charset=utf-8", ...own]));
      this.#stream.end(`${text}\n`);
    }
    this.#letGo();
  }

  switchProtocols(): Duplex | undefined {
    return undefined;
  }

  reset(code: number): void {
    if (!this.#stream.destroyed) this.#stream.close(code === 0 ? constants.NGHTTP2_INTERNAL_ERROR : code);
  }

  #open(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed && !this.#stream.headersSent;
  }

  /** After the whole response: what is left of the request is not wanted (RFC 9113 §8.1). */
  #letGo(): void {
    const stream = this.#stream;
    if (this.head.length === 0 || stream.readableEnded) return;
    stream.resume();
    const close = (): void => {
      if (!stream.readableEnded && !stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
    };
    if (stream.writableFinished) close();
    else stream.once("finish", close);
  }
}
