import { HeaderKind, type HeaderList, headerKind } from "@patchbay/model";
import { type RequestFault, type RequestHead, readRequestFields } from "./request-head.ts";

/** A request's head and, when it cannot be passed on, why. */
export interface ReadRequest {
  readonly head: RequestHead;
  readonly fault: RequestFault | undefined;
}

export interface Http2RequestOptions {
  /** The stream ends with its fields. */
  readonly ended: boolean;
  /** Bytes of all fields, each with 32 more (RFC 9113 §6.5.2). */
  readonly maxBytes: number;
  /** Where the connection leads, for a request that does not say. */
  readonly authority: string;
}

/** Takes an HTTP/2 request's fields apart (RFC 9113 §8.3). */
export function readHttp2Request(
  raw: readonly string[],
  { ended, maxBytes, authority: given }: Http2RequestOptions,
): ReadRequest {
  const pseudo = { ":method": "", ":path": "", ":authority": "", ":protocol": "" };
  let regular = 0;
  while (regular < raw.length && raw[regular]?.startsWith(":") === true) {
    const name = raw[regular] ?? "";
    if (isPseudo(name)) pseudo[name] = raw[regular + 1] ?? "";
    regular += 2;
  }
  const fields = readRequestFields(regular === 0 ? raw : raw.slice(regular), "2.0");
  const named = pseudo[":authority"] === "" ? fields.host : pseudo[":authority"];
  const authority = named === "" ? given : named;
  if (ended) fields.length = 0;
  else if (fields.length === 0 && !hasLength(raw)) fields.length = -1;
  const headers = joinCookies(fields.headers);
  const head = { ...fields, headers, method: pseudo[":method"], path: pseudo[":path"], authority };
  const tooLarge = sizeOf(raw) > maxBytes ? TOO_LARGE : undefined;
  return { head, fault: tooLarge ?? fields.fault ?? pseudoFault(head, pseudo[":protocol"]) };
}

const TOO_LARGE: RequestFault = { status: 431, reason: "the request's head is too long" };

/** As SETTINGS_MAX_HEADER_LIST_SIZE counts. */
function sizeOf(raw: readonly string[]): number {
  let bytes = 0;
  for (const part of raw) bytes += part.length + 16;
  return bytes;
}

/** What HTTP/1.1 could carry too; anything else has two readings. */
const PATH = /^(?:\/[\x21\x22\x24-\x7e]*|\*)$/;

type Pseudo = ":method" | ":path" | ":authority" | ":protocol";

function isPseudo(name: string): name is Pseudo {
  return name === ":method" || name === ":path" || name === ":authority" || name === ":protocol";
}

function hasLength(raw: readonly string[]): boolean {
  for (let i = 0; i < raw.length; i += 2) if (headerKind(raw[i] ?? "") === HeaderKind.CONTENT_LENGTH) return true;
  return false;
}

function pseudoFault(head: RequestHead, protocol: string): RequestFault | undefined {
  if (head.method === "CONNECT" || protocol !== "")
    return { status: 501, reason: "CONNECT over HTTP/2 is not supported; use HTTP/1.1 for tunnels and WebSocket" };
  if (head.authority === "") return { status: 400, reason: "no :authority" };
  return PATH.test(head.path)
    ? undefined
    : { status: 400, reason: ":path must begin with a slash, be escaped and have no fragment" };
}

/** The fields of an HTTP/2 request that says what `head` says; `visited` empty: none. */
export function http2RequestFields(head: RequestHead): HeaderList {
  const { method, authority, path } = head;
  const fields: HeaderList = [":method", method, ":scheme", "http", ":authority", authority, ":path", path];
  lowerInto(fields, head.headers);
  if (head.length > 0) fields.push("content-length", String(head.length));
  if (head.trailers) fields.push("te", "trailers");
  if (head.announced !== "") fields.push("trailer", head.announced);
  if (head.expectsContinue) fields.push("expect", "100-continue");
  return fields;
}

/** Fields by lower-case name, several of one name as a list, as node:http2 takes them for responses and trailers. */
export type FieldRecord = Record<string, string | string[]>;

/** The fields of an HTTP/2 response (RFC 9113 §8.3.2). */
export function http2ResponseFields(status: number, headers: HeaderList): FieldRecord {
  return { ":status": String(status), ...fieldRecord(headers) };
}

/** `headers` as node:http2 takes them for responses and trailers. */
export function fieldRecord(headers: HeaderList): FieldRecord {
  // Without a prototype: a field may be called "constructor".
  const fields: FieldRecord = Object.create(null);
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] ?? "").toLowerCase();
    const value = headers[i + 1] ?? "";
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else if (typeof before === "string") fields[name] = [before, value];
    else before.push(value);
  }
  return fields;
}

/** HTTP/2 knows lower-case names only, RFC 9113 §8.2. */
function lowerInto(target: HeaderList, headers: HeaderList): void {
  for (let i = 0; i + 1 < headers.length; i += 2) target.push((headers[i] ?? "").toLowerCase(), headers[i + 1] ?? "");
}

/** HTTP/2 may split the one Cookie field into crumbs; whoever reads them outside of HTTP/2 gets them joined (RFC 9113 §8.2.3). */
function joinCookies(headers: HeaderList): HeaderList {
  const crumbs: string[] = [];
  const joined: HeaderList = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? "";
    const value = headers[i + 1] ?? "";
    if (name.length === 6 && name.toLowerCase() === "cookie") crumbs.push(value);
    else joined.push(name, value);
  }
  if (crumbs.length <= 1) return headers;
  joined.push("cookie", crumbs.join("; "));
  return joined;
}
