import { EventBusError } from "./event-bus-error.ts";
import type { Published } from "./types.ts";

/** An answer of JetStream to a publication: stored, refused, or "not just now". */
export type PubAckResult = Published | EventBusError | "unavailable";

// "JetStream system temporarily unavailable", "stream is offline", and no responders while a server starts.
const TEMPORARY = 503;

/** Reads the JSON of a PubAck (nats-io/nats-architecture-and-design, ADR-1). */
export function parsePubAck(data: Uint8Array): PubAckResult {
  const answer = parseJson(data);
  const { seq, duplicate, error } = answer ?? {};
  if (typeof seq === "number") return { seq, duplicate: duplicate === true };
  if (typeof error === "object" && error !== null) return refused({ ...error });
  return new EventBusError("stream", "JetStream answered with something that is not a PubAck");
}

function refused(error: { code?: unknown; description?: unknown }): PubAckResult {
  if (error.code === TEMPORARY) return "unavailable";
  return new EventBusError("stream", `JetStream refused the event: ${String(error.description)}`);
}

function parseJson(data: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
