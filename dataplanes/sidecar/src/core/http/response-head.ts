import { connectionOptions, HeaderKind, type HeaderList, headerKind, without } from "@patchbay/model";

/** A response as the proxy passes it on, independent of the protocol. */
export interface ResponseHead {
  readonly status: number;
  /** Reason phrase; empty over HTTP/2. */
  readonly message: string;
  /** End-to-end fields, Content-Length among them where the sender gave one. */
  readonly headers: HeaderList;
  /** Bytes of the body as announced; -1: not announced. */
  readonly length: number;
  /** Nothing follows: no body and no trailers. */
  readonly last: boolean;
  /** From the head of a response without messages; else undefined. */
  readonly grpcStatus: number | undefined;
  /** Protocols that the sender switches to, with 101, or asks for, with 426; else empty. */
  readonly upgrade: string;
  /** Names of trailers that the sender announces; else empty. */
  readonly announced: string;
  /** It is coded beyond "chunked", which is for this hop to undo and which we cannot. */
  readonly coded: boolean;
  /** The peer's sidecar says that the program has not seen the request. */
  readonly unprocessed: boolean;
}

export interface RawResponse {
  readonly status: number;
  readonly message: string;
  /** Strings, or the parser's buffers in Latin-1. */
  readonly raw: readonly (string | Buffer)[];
  readonly last: boolean;
}

/** Splits the fields of a response into what belongs to this hop and what is passed on. */
export function readResponseHead({ status, message, raw, last }: RawResponse): ResponseHead {
  const found: Found = {
    headers: [],
    length: -1,
    chunked: false,
    coded: false,
    upgrade: "",
    announced: "",
    dropped: [],
    grpcStatus: undefined,
    unprocessed: false,
  };
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i]);
    const value = text(raw[i + 1]);
    const kind = headerKind(name);
    if (kind === HeaderKind.END_TO_END || kind === HeaderKind.CONTENT_TYPE) found.headers.push(name, value);
    else takeField(found, kind, { name, value });
  }
  // Both together: chunked counts and the length is a lie, RFC 9112 §6.3.
  // A 204 has no length, RFC 9110 §8.6.
  const dropped = found.chunked || status === 204 ? [...found.dropped, "content-length"] : found.dropped;
  const headers = dropped.length === 0 ? found.headers : without(found.headers, dropped);
  const { grpcStatus, unprocessed, coded, upgrade, announced } = found;
  const reason = message === "OK" || REASON.test(message) ? message : "";
  const length = found.chunked ? -1 : found.length;
  return { status, message: reason, headers, length, last, grpcStatus, unprocessed, coded, upgrade, announced };
}

/** RFC 9112 §4. Parsers let more pass, and a reason phrase may always be left out. */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;

interface Found {
  readonly headers: HeaderList;
  length: number;
  chunked: boolean;
  coded: boolean;
  upgrade: string;
  announced: string;
  dropped: readonly string[];
  grpcStatus: number | undefined;
  unprocessed: boolean;
}

function takeField(found: Found, kind: HeaderKind, { name, value }: { name: string; value: string }): void {
  if (kind === HeaderKind.CONTENT_LENGTH) {
    found.length = Number(value);
    found.headers.push(name, value);
  } else if (kind === HeaderKind.TRANSFER_ENCODING) {
    found.coded ||= found.chunked || value.trim().toLowerCase() !== "chunked";
    found.chunked = true;
  } else if (kind === HeaderKind.UPGRADE) found.upgrade = found.upgrade === "" ? value : `${found.upgrade}, ${value}`;
  else if (kind === HeaderKind.TRAILER)
    found.announced = found.announced === "" ? value : `${found.announced}, ${value}`;
  else if (kind === HeaderKind.CONNECTION) found.dropped = [...found.dropped, ...connectionOptions(value)];
  else if (kind === HeaderKind.UNPROCESSED) found.unprocessed = true;
  else if (kind === HeaderKind.GRPC_STATUS) {
    found.grpcStatus = parseGrpcStatus(value);
    found.headers.push(name, value);
  }
}

function text(part: string | Buffer | undefined): string {
  return typeof part === "string" ? part : (part?.toString("latin1") ?? "");
}

/** The status in trailers, or in the head of a response without messages. Undefined: none, or no number. */
export function grpcStatusOf(trailers: readonly string[]): number | undefined {
  for (let i = 0; i + 1 < trailers.length; i += 2)
    if (headerKind(trailers[i] ?? "") === HeaderKind.GRPC_STATUS) return parseGrpcStatus(trailers[i + 1] ?? "");
  return undefined;
}

function parseGrpcStatus(value: string): number | undefined {
  return /^\d{1,3}$/.test(value) ? Number(value) : undefined;
}

/** Trailers that may be passed on: no field that frames, routes or describes the connection (RFC 9110 §6.5.1). */
export function readTrailers(raw: readonly (string | Buffer)[]): HeaderList {
  const kept: HeaderList = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i]);
    const kind = headerKind(name);
    if (kind === HeaderKind.END_TO_END || kind === HeaderKind.GRPC_STATUS) kept.push(name, text(raw[i + 1]));
  }
  return kept;
}
