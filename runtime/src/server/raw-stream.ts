import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Claims } from "@patchbay/wire";

/** Streaming protocols that share the five-byte envelope and differ only in how they end. */
export type StreamProtocol = "connect" | "grpc";

export interface RawCall {
  readonly caller: Claims;
  readonly headers: IncomingHttpHeaders;
  readonly protocol: StreamProtocol;
}

/** Answers a method on the HTTP/2 stream itself, for paths where a general pipeline would cost more than the work. */
export type RawStreamHandler = (stream: ServerHttp2Stream, call: RawCall) => void;

const PROTOCOLS: ReadonlyMap<string, StreamProtocol> = new Map<string, StreamProtocol>([
  ["application/connect+proto", "connect"],
  ["application/grpc", "grpc"],
  ["application/grpc+proto", "grpc"],
]);

/** The protocol, when the call is binary and not compressed; else undefined, and the general handler serves it. */
export function rawProtocol(headers: IncomingHttpHeaders): StreamProtocol | undefined {
  const encoding = headers["connect-content-encoding"] ?? headers["grpc-encoding"] ?? "identity";
  if (encoding !== "identity") return undefined;
  return PROTOCOLS.get(headers["content-type"] ?? "");
}

/** Prefixes a message with flags and its length: one byte and four, big-endian. */
export function envelope(message: Uint8Array, flags = 0): Buffer {
  const framed = Buffer.allocUnsafe(5 + message.byteLength);
  framed[0] = flags;
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, 5);
  return framed;
}

/** Sends the response's headers. */
export function beginStream(stream: ServerHttp2Stream, protocol: StreamProtocol): void {
  if (stream.headersSent || stream.destroyed) return;
  const contentType = protocol === "grpc" ? "application/grpc+proto" : "application/connect+proto";
  stream.respond({ ":status": 200, "content-type": contentType }, { waitForTrailers: protocol === "grpc" });
}

/** Ends the response, well or with an error. */
export function endStream(stream: ServerHttp2Stream, protocol: StreamProtocol, error?: ConnectError): void {
  if (stream.destroyed || stream.writableEnded) return;
  beginStream(stream, protocol);
  if (protocol === "connect") {
    const end = error ? { error: { code: codeToString(error.code), message: error.rawMessage } } : {};
    stream.end(envelope(Buffer.from(JSON.stringify(end)), 0b10));
    return;
  }
  stream.once("wantTrailers", () => stream.sendTrailers(grpcTrailers(error)));
  stream.end();
}

function grpcTrailers(error: ConnectError | undefined): Record<string, string> {
  if (!error) return { "grpc-status": "0" };
  return { "grpc-status": String(error.code ?? Code.Unknown), "grpc-message": encodeURIComponent(error.rawMessage) };
}

export interface EnvelopeReader {
  /** Largest message in bytes. */
  readonly maxBytes: number;
  onMessage(message: Buffer): void;
  /** The client has sent everything. */
  onEnd(): void;
  /** The framing is broken or a message is too long; nothing follows. */
  onError(reason: string): void;
}

/** Reads messages from a request body until it ends or breaks. Honours backpressure through stream.pause(). */
export function readEnvelopes(stream: ServerHttp2Stream, reader: EnvelopeReader): void {
  let held: Buffer = Buffer.alloc(0);
  let ended = false;
  const fail = (reason: string): void => {
    ended = true;
    reader.onError(reason);
  };
  stream.on("data", (chunk: Buffer) => {
    if (ended) return;
    held = held.byteLength === 0 ? chunk : Buffer.concat([held, chunk]);
    let at = 0;
    while (held.byteLength - at >= 5) {
      const flags = held[at] ?? 0;
      const length = held.readUInt32BE(at + 1);
      if (flags !== 0) return fail(`envelope flags ${flags} are not supported`);
      if (length > reader.maxBytes) return fail(`message of ${length} bytes is longer than ${reader.maxBytes}`);
      if (held.byteLength - at - 5 < length) break;
      reader.onMessage(held.subarray(at + 5, at + 5 + length));
      at += 5 + length;
    }
    held = held.subarray(at);
  });
  stream.on("end", () => {
    if (ended) return;
    if (held.byteLength > 0) return fail(`stream ended within a message (${held.byteLength} bytes left)`);
    ended = true;
    reader.onEnd();
  });
  stream.on("error", () => stream.close(constants.NGHTTP2_CANCEL));
}
