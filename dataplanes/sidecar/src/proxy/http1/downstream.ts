import { type IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { ERROR_HEADER, type HeaderList } from "@patchbay/model";
import type { LocalReply } from "../../core/http/local-reply.ts";
import type { RequestHead } from "../../core/http/request-head.ts";
import { type ResponseHead, readTrailers } from "../../core/http/response-head.ts";
import type { Downstream, DownstreamEvents } from "../exchange/exchange-types.ts";
import { lingerOnClose } from "./linger.ts";

/** node:http's response, with a field for the receiver of its events: a closure per request would cost more. */
export class MeshResponse extends ServerResponse {
  events: DownstreamEvents | undefined;
}

/** Tells the exchange when its client reads again, and when nothing more can be sent. */
export function connectEvents(response: MeshResponse, events: DownstreamEvents): void {
  response.events = events;
  response.on("drain", drained);
  response.once("close", closed);
}

function drained(this: MeshResponse): void {
  this.events?.onDrain();
}

function closed(this: MeshResponse): void {
  this.events?.onClosed(0);
}

/** Bytes of a body that is worth a copy to save a system call. */
const MAX_JOINED = 16_384;

export interface Http1DownstreamOptions {
  readonly request: IncomingMessage;
  readonly response: MeshResponse;
  readonly head: RequestHead;
  readonly draining: () => boolean;
}

/** The client's half of an exchange over HTTP/1.1. A class, for one is made per request. */
export class Http1Downstream implements Downstream {
  readonly version = 1;
  readonly head: RequestHead;
  readonly body: Readable;
  readonly #request: IncomingMessage;
  readonly #response: MeshResponse;
  readonly #draining: () => boolean;
  /** Of a body that is small enough to be joined with its head; else -1. */
  #length = -1;
  #whole: string | undefined;

  constructor({ request, response, head, draining }: Http1DownstreamOptions) {
    this.head = head;
    this.body = request;
    this.#request = request;
    this.#response = response;
    this.#draining = draining;
  }

  complete(): boolean {
    return this.#request.complete;
  }

  trailers(): HeaderList {
    return readTrailers(this.#request.rawTrailers);
  }

  passed(): void {
    // A body of HTTP/1.1 cannot hide anything but itself.
  }

  inform(status: number, headers: HeaderList): void {
    // HTTP/1.0 knows no interim responses, RFC 9110 §15.2.
    if (this.#request.httpVersionMinor === 0) return;
    if (status === 100) return this.#response.writeContinue();
    let text = `HTTP/1.1 ${status} \r\n`;
    for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
    this.#response.socket?.write(`${text}\r\n`, "latin1");
  }

  respond({ status, message, headers, length, upgrade, last, announced }: ResponseHead): void {
    this.#length = length <= MAX_JOINED ? length : -1;
    const response = this.#response;
    response.sendDate = false;
    this.#keepOrClose();
    const more = status === 426 ? this.#asked(upgrade) : [];
    const chunked = length < 0 && !last && this.#request.httpVersionMinor > 0 && this.head.method !== "HEAD";
    if (announced !== "" && chunked) more.push("trailer", announced);
    response.writeHead(status, message, more.length === 0 ? headers : [...headers, ...more]);
  }

  /** A 426 says which protocols the server wants (RFC 9110 §15.5.22). */
  #asked(upgrade: string): HeaderList {
    if (upgrade === "") return [];
    return ["upgrade", upgrade, "connection", this.#response.shouldKeepAlive ? "upgrade" : "upgrade, close"];
  }

  write(chunk: Buffer): boolean {
    if (chunk.length === this.#length) {
      // All of it at once: with its head it makes one write, as a string, instead of a vector of two.
      this.#whole = chunk.toString("latin1");
      return true;
    }
    return this.#response.write(chunk);
  }

  end(trailers: HeaderList): void {
    if (this.#whole !== undefined) return void this.#response.end(this.#whole, "latin1");
    if (trailers.length > 0 && this.#response.chunkedEncoding) this.#response.addTrailers(pairs(trailers));
    this.#response.end();
  }

  answer({ status, code, text }: LocalReply, extra: HeaderList): void {
    const body = Buffer.from(`${text}\n`);
    const headers = [
      "content-type",
      "text/plain; charset=utf-8",
      "content-length",
      String(body.length),
      ERROR_HEADER,
      code,
    ];
    const response = this.#response;
    this.#keepOrClose();
    response.writeHead(status, [...headers, ...extra]);
    response.end(body);
  }

  switchProtocols({ status, message, headers, upgrade }: ResponseHead): Duplex | undefined {
    const { socket } = this.#response;
    if (socket === null) return undefined;
    // The server chooses from the client's list; a server that does not say is taken to have had no choice.
    const chosen = upgrade === "" ? this.head.upgrade : upgrade;
    let text = `HTTP/1.1 ${status} ${message}\r\nconnection: upgrade\r\nupgrade: ${chosen}\r\n`;
    for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
    this.#response.events = undefined;
    this.#response.detachSocket(socket);
    socket.write(`${text}\r\n`, "latin1");
    return socket;
  }

  reset(): void {
    this.#response.destroy();
  }

  #keepOrClose(): void {
    const settled = this.#settled();
    if (!settled || this.#draining()) this.#response.shouldKeepAlive = false;
    const { socket } = this.#response;
    if (!settled && socket !== null) lingerOnClose(socket, this.#request);
  }

  /** The request has been read whole, so that what follows on the connection is the next one. */
  #settled(): boolean {
    return this.#request.complete || this.head.length === 0;
  }
}

function pairs(flat: HeaderList): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) result.push([flat[i] ?? "", flat[i + 1] ?? ""]);
  return result;
}
