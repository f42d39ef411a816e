import {
  connectionOptions,
  HeaderKind,
  type HeaderList,
  headerKind,
  isForwardedIdentity,
  isGrpc,
  without,
} from "@patchbay/model";

/** One request as the proxy passes it on, independent of the protocol. */
export interface RequestHead {
  readonly method: string;
  /** Origin form with its query, or "*". */
  readonly path: string;
  /** Host with port as the client wrote it; what the server sees as Host or :authority. */
  readonly authority: string;
  /** End-to-end fields, without Host, Content-Length and what frames the message. */
  readonly headers: HeaderList;
  /** Bytes of the body; 0: none; -1: as many as come. */
  readonly length: number;
  /** Protocols that the client wants to switch to, such as "websocket"; else empty. */
  readonly upgrade: string;
  /** The client waits for 100 (Continue) before it sends the body. */
  readonly expectsContinue: boolean;
  /** The client takes trailers. */
  readonly trailers: boolean;
  readonly grpc: boolean;
  /** Names of trailers that the sender announces (RFC 9110 §6.6.2), for programs that take no others; else empty. */
  readonly announced: string;
  /** Sidecars that the request has left through, separated by commas. */
  readonly visited: string;
}

/** Why a request is not passed on: the status for the client and one sentence. */
export interface RequestFault {
  readonly status: 400 | 417 | 431 | 501;
  readonly reason: string;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The fields of a request; `start` completes them from its first line or pseudo fields. */
export interface RequestFields extends Writable<Omit<RequestHead, "method" | "path" | "authority">> {
  host: string;
  fault: RequestFault | undefined;
}

interface Reading extends RequestFields {
  hosts: number;
  lengths: number;
  dropped: readonly string[];
}

/**
 * Reads the fields of a request in one pass: splits what frames the message from what is passed on, and refuses whatever two
 * parsers could read differently (RFC 9112 §6.3, §11.2). The parser below has refused broken syntax already.
 */
export function readRequestFields(raw: readonly string[], version: "1.0" | "1.1" | "2.0"): RequestFields {
  const fields: Reading = {
    headers: [],
    length: 0,
    upgrade: "",
    expectsContinue: false,
    trailers: false,
    grpc: false,
    announced: "",
    visited: "",
    host: "",
    fault: undefined,
    hosts: 0,
    lengths: 0,
    dropped: [],
  };
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const kind = headerKind(name);
    if (kind !== HeaderKind.END_TO_END) takeField(fields, kind, { name, value: raw[i + 1] ?? "" });
    else if (!isForwardedIdentity(name)) fields.headers.push(name, raw[i + 1] ?? "");
  }
  if (fields.dropped.length > 0) fields.headers = without(fields.headers, fields.dropped);
  fields.fault ??= framingFault(fields, version);
  return fields;
}

function takeField(fields: Reading, kind: HeaderKind, { name, value }: { name: string; value: string }): void {
  switch (kind) {
    case HeaderKind.HOST:
      fields.hosts += 1;
      fields.host = value;
      break;
    case HeaderKind.CONTENT_LENGTH:
      takeLength(fields, value);
      break;
    case HeaderKind.TRANSFER_ENCODING:
      // Only "chunked": a proxy and a server that decode different codings would see different messages.
      if (value.trim().toLowerCase() !== "chunked") fields.fault ??= { status: 501, reason: ENCODING };
      if (fields.lengths > 0 || fields.length === -1)
        fields.fault ??= bad("Content-Length and Transfer-Encoding together");
      fields.length = -1;
      break;
    case HeaderKind.CONNECTION:
      fields.dropped = [...fields.dropped, ...connectionOptions(value)];
      break;
    case HeaderKind.EXPECT:
      if (value.toLowerCase() !== "100-continue") fields.fault ??= { status: 417, reason: `unknown expectation` };
      fields.expectsContinue = true;
      break;
    default:
      takeOther(fields, kind, { name, value });
  }
}

function takeOther(fields: Reading, kind: HeaderKind, { name, value }: { name: string; value: string }): void {
  if (kind === HeaderKind.UPGRADE) fields.upgrade = joined(fields.upgrade, offeredUpgrade(value));
  else if (kind === HeaderKind.TE) fields.trailers ||= /(?:^|,)\s*trailers\s*(?:,|;|$)/i.test(value);
  else if (kind === HeaderKind.TRAILER) fields.announced = joined(fields.announced, value);
  else if (kind === HeaderKind.VISITED) fields.visited = joined(fields.visited, value);
  else if (kind === HeaderKind.CONTENT_TYPE) {
    fields.grpc = isGrpc(value);
    fields.headers.push(name, value);
  } else if (kind === HeaderKind.GRPC_STATUS) fields.headers.push(name, value);
}

function joined(before: string, value: string): string {
  return before === "" || value === "" ? before + value : `${before},${value}`;
}

/** HTTP of another version or in TLS: after a switch to it, requests would bypass all rules. */
const CARRIES_HTTP = /^(?:h2c?|h3|http|tls)(?:\/.*)?$/i;

/**
 * What of an Upgrade field is passed on. An offer may be ignored (RFC 9110 §7.8); Java's client makes that of "h2c" with every
 * first request.
 */
export function offeredUpgrade(value: string): string {
  const protocols = value.split(",").map((protocol) => protocol.trim());
  return protocols.filter((protocol) => protocol !== "" && !CARRIES_HTTP.test(protocol)).join(", ");
}

function takeLength(fields: Reading, value: string): void {
  fields.lengths += 1;
  if (fields.lengths > 1) fields.fault ??= bad("more than one Content-Length");
  if (fields.length === -1) fields.fault ??= bad("Content-Length and Transfer-Encoding together");
  const length = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(length)) fields.fault ??= bad("Content-Length is not a number");
  else fields.length = length;
}

function framingFault(fields: Reading, version: "1.0" | "1.1" | "2.0"): RequestFault | undefined {
  if (fields.hosts > 1) return bad("more than one Host");
  if (version === "1.0" && fields.length === -1) return bad("Transfer-Encoding in an HTTP/1.0 request");
  return undefined;
}

const ENCODING = "Transfer-Encoding other than chunked is not supported";

function bad(reason: string): RequestFault {
  return { status: 400, reason };
}
