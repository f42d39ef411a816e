import type { FailureKind } from "../../core/routing/retry-rules.ts";

/** A connection that the proxy refuses to make. */
export class RefusedAddress extends Error {
  readonly kind: "forbidden" | "loop";

  constructor(kind: "forbidden" | "loop", message: string) {
    super(message);
    this.kind = kind;
  }
}

/** What a connection that did not come about is to an exchange. */
export function connectFailure(error: unknown): FailureKind {
  return error instanceof RefusedAddress ? error.kind : "connect";
}

/** What a failed connection means to a person; the system's words are kept for what has no better ones. */
export function connectMessage(error: unknown): string {
  const code = codeOf(error);
  const said = SAID.get(code);
  if (said !== undefined) return said;
  if (code.startsWith("ERR_SSL_") || code.includes("CERT")) return `its TLS failed (${messageOf(error)})`;
  return messageOf(error);
}

const SAID = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "connection reset"],
  ["EPIPE", "connection reset"],
  ["ETIMEDOUT", "connection timed out"],
  ["EHOSTUNREACH", "host unreachable"],
  ["ENETUNREACH", "network unreachable"],
  ["ENOTFOUND", "DNS does not know the name"],
  ["EAI_AGAIN", "DNS does not answer"],
  ["UND_ERR_SOCKET", "connection closed before a response"],
  ["UND_ERR_HEADERS_OVERFLOW", "the head of its response is too long"],
]);

export function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The peer refused our certificate. With TLS 1.3 a client hears that after it has sent its request, which was then never read.
 * Not so other errors of TLS: a record that arrived damaged may be the answer to a request that was served.
 */
export function isCertificateRefused(error: unknown): boolean {
  return REFUSING_ALERT.test(codeOf(error));
}

/** By OpenSSL's names of the alerts of RFC 8446 §6.2 that end a handshake. */
const REFUSING_ALERT = /^ERR_SSL_\w+_ALERT_(?:\w*CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR|HANDSHAKE_FAILURE)/;
