import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { RequestProtocol } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { isSecret, REDACTED } from "@patchbay/rules";
import type { ResponseHead } from "../http/response-head.ts";
import type { RequestRecord } from "../types.ts";
import type { TapFacts } from "./tap-facts.ts";

/** What of a request may leave the proxy. */
export interface Shown {
  /** Header names in lower case; "*": all. */
  readonly headers: ReadonlySet<string>;
  readonly query: boolean;
}

export interface SeenRequest {
  readonly id: string;
  /** "namespace/name/instance" */
  readonly proxy: string;
  readonly facts: TapFacts;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly head: ResponseHead | undefined;
  /** Undefined: no answer yet. */
  readonly record: RequestRecord | undefined;
}

const MAX_UINT32 = 0xffff_ffff;

/** Used again and again: what it has written is taken from it before anything else happens. */
const writer = new BinaryWriter();

/**
 * One request as it leaves the proxy: an ObserveResponse, written field by field (numbers as in tap.proto), because making the
 * messages first would cost three times as much, a thousand times a second.
 */
export function encodeRequest(seen: SeenRequest, shown: Shown): Uint8Array {
  try {
    write(seen, shown);
    return writer.finish();
  } catch (error) {
    // The next one begins anew.
    writer.finish();
    throw error;
  }
}

function write(seen: SeenRequest, shown: Shown): void {
  const { id, proxy, facts, startedAt, head, record } = seen;
  const { begun } = facts;
  writer.tag(1, WireType.LengthDelimited).fork();
  text(1, id);
  text(2, proxy);
  flag(3, begun.direction === "inbound");
  source(facts);
  target(facts);
  time(6, startedAt);
  text(7, begun.head.method);
  text(8, begun.head.authority);
  text(9, shown.query ? begun.head.path : withoutQuery(begun.head.path));
  text(10, facts.route);
  number(11, PROTOCOLS[facts.protocol]);
  flag(12, record === undefined);
  flag(18, facts.tls);
  if (record !== undefined) answer(record);
  fields(23, begun.head.headers, shown.headers);
  if (head !== undefined) fields(24, head.headers, shown.headers);
  writer.join();
}

const PROTOCOLS = {
  "http/1.1": RequestProtocol.HTTP1,
  "http/2": RequestProtocol.HTTP2,
  grpc: RequestProtocol.GRPC,
} as const satisfies Record<TapFacts["protocol"], RequestProtocol>;

function answer(record: RequestRecord): void {
  number(13, record.status);
  // Present, and so written, also when it is 0.
  if (record.grpcStatus !== undefined) writer.tag(14, WireType.Varint).uint32(record.grpcStatus);
  time(15, record.latencyMs);
  number(16, record.requestBytes);
  number(17, record.responseBytes);
  number(19, record.attempts);
  text(20, record.error ?? "");
  text(21, record.policy ?? "");
  text(22, record.trace?.traceId ?? "");
}

function source({ source: { namespace, identity }, begun: { peer } }: TapFacts): void {
  writer.tag(4, WireType.LengthDelimited).fork();
  text(1, peer.name);
  text(2, namespace);
  text(3, identity);
  text(4, peer.address);
  writer.join();
}

function target({ targetName, target: { namespace, backend = "", address = "" } }: TapFacts): void {
  writer.tag(5, WireType.LengthDelimited).fork();
  text(1, targetName);
  text(2, namespace);
  text(4, address);
  text(5, backend);
  writer.join();
}

/** Names in lower case; secrets never leave. */
function fields(field: number, headers: readonly string[], shown: ReadonlySet<string>): void {
  if (shown.size === 0) return;
  const all = shown.has("*");
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] ?? "").toLowerCase();
    if (!all && !shown.has(name)) continue;
    writer.tag(field, WireType.LengthDelimited).fork();
    text(1, name);
    text(2, isSecret(name) ? REDACTED : (headers[i + 1] ?? ""));
    writer.join();
  }
}

/** A Timestamp or Duration, which are written alike. */
function time(field: number, ms: number): void {
  const seconds = Math.floor(ms / 1_000);
  writer.tag(field, WireType.LengthDelimited).fork();
  number(1, seconds);
  number(2, Math.floor((ms - seconds * 1_000) * 1e6));
  writer.join();
}

function text(field: number, value: string): void {
  if (value !== "") writer.tag(field, WireType.LengthDelimited).string(value);
}

function number(field: number, value: number): void {
  if (value <= 0) return;
  writer.tag(field, WireType.Varint);
  if (value <= MAX_UINT32) writer.uint32(value);
  else writer.uint64(value);
}

function flag(field: number, value: boolean): void {
  if (value) writer.tag(field, WireType.Varint).bool(true);
}

function withoutQuery(path: string): string {
  const mark = path.indexOf("?");
  return mark < 0 ? path : path.slice(0, mark);
}
