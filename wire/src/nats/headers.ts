import type { MsgHdrs } from "@nats-io/nats-core";

const NONE: ReadonlyMap<string, string> = new Map();

/** First values by name. */
export function headerMap(headers: MsgHdrs | undefined): ReadonlyMap<string, string> {
  if (headers === undefined) return NONE;
  return new Map(headers.keys().map((name) => [name, headers.get(name)]));
}

/** Printable ASCII without the colon: RFC 5322 §2.2, which NATS headers follow. */
const NAME = /^[\x21-\x39\x3b-\x7e]+$/;
/** Names that were found to be one: they come from code, so there are few. */
const names = new Set<string>();
const MAX_NAMES = 100;

/** Headers that many events share, checked and written once. */
export interface FixedHeaders {
  /** One line per header. */
  readonly lines: string;
}

/** Throws when a name or value cannot be a header. */
export function fixedHeaders(values: Readonly<Record<string, string>>): FixedHeaders {
  let lines = "";
  for (const name in values) lines += line(name, values[name] ?? "");
  return { lines };
}

/** What the headers of an event are made of. */
interface HeaderSource {
  readonly id: string;
  readonly fixedHeaders?: FixedHeaders | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Headers of an event with its id for deduplication, written in one piece: the client's own way looks at every name it
 * has for each that is added, which costs an event more than all the rest. Throws when a name or value cannot be a header.
 */
export function eventHeaders(event: HeaderSource): MsgHdrs {
  let text = `NATS/1.0\r\n${line("Nats-Msg-Id", event.id)}${event.fixedHeaders?.lines ?? ""}`;
  for (const name in event.headers) text += line(name, event.headers[name] ?? "");
  return new WrittenHeaders(Buffer.from(`${text}\r\n`)) as unknown as MsgHdrs;
}

/** All that the client asks of headers when it publishes. Its own bring a map along. */
class WrittenHeaders {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  encode(): Uint8Array {
    return this.#bytes;
  }
}

function line(name: string, value: string): string {
  if (!names.has(name)) checkName(name);
  if (value.includes("\n") || value.includes("\r")) throw new Error(`the value of header ${name} holds a line break`);
  return `${name}: ${value.trim()}\r\n`;
}

function checkName(name: string): void {
  if (!NAME.test(name)) throw new Error(`"${name}" cannot be a header's name`);
  if (names.size < MAX_NAMES) names.add(name);
}
