import { EventBusError } from "./event-bus-error.ts";
import type { Published } from "./types.ts";

/** An answer of JetStream to a publication: stored, refused, or "not just now". */
export type PubAckResult = Published | EventBusError | "unavailable";

// Error codes of JetStream for "temporarily unavailable", "not the leader" and "stream is offline". The HTTP-like code
// does not tell: a full stream has 503 as well.
const TEMPORARY: readonly unknown[] = [10008, 10009, 10118];

interface PubAck {
  seq?: unknown;
  duplicate?: unknown;
  error?: { err_code?: unknown; description?: unknown };
}

/** Reads the JSON of a PubAck (nats-io/nats-architecture-and-design, ADR-1). */
export function parsePubAck(data: Uint8Array): PubAckResult {
  const { seq, duplicate, error } = parseJson(data);
  // First, because a refusal carries a sequence too: 0.
  if (error) {
    if (TEMPORARY.includes(error.err_code)) return "unavailable";
    return new EventBusError("stream", `JetStream refused the event: ${String(error.description)}`);
  }
  if (typeof seq === "number" && seq > 0) return { seq, duplicate: duplicate === true };
  return new EventBusError("stream", "JetStream answered with something that is not a PubAck");
}

function parseJson(data: Uint8Array): PubAck {
  try {
    const value: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
