import { headers as createHeaders, type MsgHdrs } from "@nats-io/nats-core";

const NONE: ReadonlyMap<string, string> = new Map();

/** First values by name. */
export function headerMap(headers: MsgHdrs | undefined): ReadonlyMap<string, string> {
  if (headers === undefined) return NONE;
  return new Map(headers.keys().map((name) => [name, headers.get(name)]));
}

/** Headers of an event with its id for deduplication. Throws when a name or value cannot be a header. */
export function eventHeaders(id: string, values: Readonly<Record<string, string>> | undefined): MsgHdrs {
  const headers = createHeaders();
  // Not set(), which looks for the name first: each name comes once.
  headers.append("Nats-Msg-Id", id);
  if (values !== undefined) for (const name in values) headers.append(name, values[name] ?? "");
  return headers;
}
