import { randomFillSync } from "node:crypto";

/** A place in a trace, as W3C Trace Context carries it. Identifiers in lower-case hexadecimal. */
export interface TraceContext {
  /** 32 digits, not all zero. */
  readonly traceId: string;
  /** 16 digits, not all zero. */
  readonly spanId: string;
  /** The `sampled` flag of traceparent. */
  readonly sampled: boolean;
}

export const TRACEPARENT = "traceparent";
export const TRACESTATE = "tracestate";

const FORMAT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
/** Longer ones are of no version that will come. */
const MAX_LENGTH = 256;

/** Reads a `traceparent` field (W3C Trace Context §3.2). Undefined: it is malformed, and may not be used. */
export function parseTraceparent(text: string): TraceContext | undefined {
  if (text.length < 55 || text.length > MAX_LENGTH) return undefined;
  const match = FORMAT.exec(text);
  if (match === null) return undefined;
  const [, version = "", traceId = "", spanId = "", flags = "", rest] = match;
  // Later versions may say more behind what is known; version 00 may not, and ff is none.
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

export function newTraceId(): string {
  return random(16);
}

export function newSpanId(): string {
  return random(8);
}

// The kernel is asked for many identifiers at a time: one question each would cost more than the span.
const pool = Buffer.alloc(4_096);
let used = pool.length;

function random(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  const text = pool.toString("hex", used - bytes, used);
  return /[^0]/.test(text) ? text : random(bytes);
}
