import { EventBusError } from "./event-bus-error.ts";
import type { Published } from "./types.ts";

/** An answer of JetStream to a publication: stored, refused, or "not just now". */
type PubAckResult = Published | EventBusError | "unavailable";

// Error codes of JetStream for "temporarily unavailable", "not the leader" and "stream is offline". The HTTP-like code
// does not tell: a full stream has 503 as well.
const TEMPORARY: readonly unknown[] = [10008, 10009, 10118];

interface PubAck {
  readonly seq?: unknown;
  readonly duplicate?: unknown;
  readonly error?: { err_code?: unknown; description?: unknown };
}

/** Reads the JSON of a PubAck (nats-io/nats-architecture-and-design, ADR-1). */
export function parsePubAck(data: Uint8Array): PubAckResult {
  const usual = readUsual(data);
  return usual > 0 ? { seq: usual, duplicate: false } : parseAny(data);
}

function parseAny(data: Uint8Array): PubAckResult {
  const { seq, duplicate, error } = parseJson(data);
  // First, because a refusal carries a sequence too: 0.
  if (error) {
    if (TEMPORARY.includes(error.err_code)) return "unavailable";
    return new EventBusError("stream", `JetStream refused the event: ${String(error.description)}`);
  }
  if (typeof seq === "number" && seq > 0) return { seq, duplicate: duplicate === true };
  return new EventBusError("stream", "JetStream answered with something that is not a PubAck");
}

const HEAD = Buffer.from('{"stream":"');
const SEQ = Buffer.from('","seq":');
const QUOTE = 0x22;
const BRACE = 0x7d;

/** The sequence in `{"stream":"S","seq":7}`, which nearly every answer is, at a tenth of the cost; 0 for any other text. */
function readUsual(data: Uint8Array): number {
  if (!holds(data, 0, HEAD)) return 0;
  let at = HEAD.length;
  while (at < data.length && data[at] !== QUOTE) at += 1;
  if (!holds(data, at, SEQ)) return 0;
  let seq = 0;
  for (at += SEQ.length; at < data.length - 1; at += 1) {
    const digit = (data[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    seq = seq * 10 + digit;
  }
  return data[at] === BRACE ? seq : 0;
}

function holds(data: Uint8Array, at: number, part: Uint8Array): boolean {
  for (let index = 0; index < part.length; index += 1) if (data[at + index] !== part[index]) return false;
  return true;
}

function parseJson(data: Uint8Array): PubAck {
  try {
    const value: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
