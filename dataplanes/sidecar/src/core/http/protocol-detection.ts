/** What the first bytes of a connection say. `opaque`: nothing that this proxy looks into. */
export type DetectedProtocol = "http1" | "http2" | "tls" | "opaque";

/** Client connection preface, RFC 9113 §3.4. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const TLS_HANDSHAKE = 0x16;
const SPACE = 0x20;
const SLASH = 0x2f;
const COLON = 0x3a;
const MAX_SCHEME = 16;
/** The longest registered method has 17 characters. */
const MAX_METHOD = 24;

/**
 * Decides what a connection carries. Undefined: more bytes are needed. Never changes its mind once it has decided, so a caller
 * may ask after every byte.
 *
 * A request for a forward proxy ("CONNECT host:443", "GET http://host/") is opaque within a tunnel: it is meant for the proxy at
 * its other end. `absolute`: the second is HTTP, because programs take it too (RFC 9112 §3.2.2).
 */
export function detectProtocol(bytes: Uint8Array, absolute = false): DetectedProtocol | undefined {
  const first = bytes[0];
  if (first === undefined) return undefined;
  if (first === TLS_HANDSHAKE) return detectTls(bytes);
  const same = commonPrefix(bytes);
  if (same === PREFACE.length) return "http2";
  if (same === bytes.length) return undefined;
  return detectRequestLine(bytes, absolute);
}

/** A record header: handshake, version 3.0 to 3.4, RFC 8446 §5.1. */
function detectTls(bytes: Uint8Array): DetectedProtocol | undefined {
  const [, major, minor] = bytes;
  if (major === undefined) return undefined;
  if (major !== 3) return "opaque";
  if (minor === undefined) return undefined;
  return minor <= 4 ? "tls" : "opaque";
}

function commonPrefix(bytes: Uint8Array): number {
  const length = Math.min(bytes.length, PREFACE.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== PREFACE[i]) return i;
  return length;
}

/** "METHOD /" or "METHOD *", RFC 9112 §3; all registered methods are capital letters and hyphens. */
function detectRequestLine(bytes: Uint8Array, absolute: boolean): DetectedProtocol | undefined {
  let i = 0;
  while (i < bytes.length && isMethodByte(bytes[i])) i += 1;
  if (i === bytes.length) return i > MAX_METHOD ? "opaque" : undefined;
  if (i === 0 || i > MAX_METHOD || bytes[i] !== SPACE) return "opaque";
  const target = bytes[i + 1];
  if (target === undefined) return undefined;
  if (target === SLASH || target === 0x2a) return "http1";
  return absolute ? detectScheme(bytes.subarray(i + 1)) : "opaque";
}

/** "http://", or any other scheme: what is wrong with that one the server says. */
function detectScheme(target: Uint8Array): DetectedProtocol | undefined {
  let i = 0;
  while (i < target.length && i <= MAX_SCHEME && isSchemeByte(target[i])) i += 1;
  if (i === 0 || i > MAX_SCHEME) return "opaque";
  for (const [at, byte] of [COLON, SLASH, SLASH].entries()) {
    const found = target[i + at];
    if (found === undefined) return undefined;
    if (found !== byte) return "opaque";
  }
  return "http1";
}

/** RFC 3986 §3.1. */
function isSchemeByte(byte = 0): boolean {
  return /[A-Za-z0-9+.-]/.test(String.fromCharCode(byte));
}

function isMethodByte(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x41 && byte <= 0x5a) || byte === 0x2d);
}
