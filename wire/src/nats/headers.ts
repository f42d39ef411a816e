import { headers as createHeaders, type MsgHdrs } from "@nats-io/nats-core";

const NONE: ReadonlyMap<string, string> = new Map();
const encoder = new TextEncoder();

/** First values by name. */
export function headerMap(headers: MsgHdrs | undefined): ReadonlyMap<string, string> {
  if (headers === undefined) return NONE;
  return new Map(headers.keys().map((name) => [name, headers.get(name)]));
}

/** Printable ASCII without the colon: RFC 5322 §2.2, which NATS headers follow. */
const NAME = /^[\x21-\x39\x3b-\x7e]+$/;
const BREAK = /[\r\n]/;

/**
 * Headers of an event with its id for deduplication, written in one piece: the client's own way looks at every name it
 * has for each that is added, which costs an event more than all the rest. Throws when a name or value cannot be a header.
 */
export function eventHeaders(id: string, values: Readonly<Record<string, string>> | undefined): MsgHdrs {
  let text = `NATS/1.0\r\n${line("Nats-Msg-Id", id)}`;
  if (values !== undefined) for (const name in values) text += line(name, values[name] ?? "");
  const encoded = encoder.encode(`${text}\r\n`);
  // The client asks headers for nothing else when it publishes.
  return Object.assign(createHeaders(), { encode: () => encoded });
}

function line(name: string, value: string): string {
  if (!NAME.test(name)) throw new Error(`"${name}" cannot be a header's name`);
  if (BREAK.test(value)) throw new Error(`the value of header ${name} holds a line break`);
  return `${name}: ${value.trim()}\r\n`;
}
