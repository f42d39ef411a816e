/** An authority taken apart, before it means anything. */
export interface HostPort {
  /** As it was written, without the brackets of an IPv6 address. */
  readonly host: string;
  /** Undefined: there is none, or an empty one, which is the same (RFC 3986 §3.2.3). */
  readonly port: number | undefined;
  readonly bracketed: boolean;
}

const BRACKETED = /^\[([^\][]*)\](?::(\d*))?$/;
const PLAIN = /^([^:\][]*)(?::(\d*))?$/;

/**
 * Splits "users:80", "10.0.0.1", "[fd00::1]:80" (RFC 3986 §3.2). Undefined: it is none of these, or the port is not within 1 to
 * 65535. An IPv6 address without brackets is none: in "::1:80" one reader sees a port and the other does not.
 */
export function splitHostPort(text: string): HostPort | undefined {
  const bracketed = text.startsWith("[");
  const [, host, digits = ""] = (bracketed ? BRACKETED : PLAIN).exec(text) ?? [];
  if (host === undefined) return undefined;
  if (digits === "") return { host, port: undefined, bracketed };
  // Decimal also with leading zeros (RFC 3986: port = *DIGIT).
  const port = digits.length > MAX_PORT_DIGITS ? 0 : Number(digits);
  return isPort(port) ? { host, port, bracketed } : undefined;
}

const MAX_PORT_DIGITS = 5;

/** Puts both together, with brackets around IPv6. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A whole number from 1 to 65535. */
export function isPort(port: unknown): port is number {
  return typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535;
}
