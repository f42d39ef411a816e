import { formatIp, parseIp, unmapIp } from "./ip.ts";

/** What a client asked for, in the form by which equal ones are one key. */
export interface Authority {
  /** "users.default.svc.cluster.local:80", "example.com:443", "[::1]:80". */
  readonly key: string;
  /** Lower case, without a trailing dot; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** The shortest form of the host: "users", "users.demo", "example.com". */
  readonly shortHost: string;
  /** What the name means inside the mesh, when it can be one: "users.demo" and its full name are the same service. */
  readonly service: ServiceName | undefined;
  readonly form: "mesh" | "name" | "ip";
}

export interface ServiceName {
  readonly name: string;
  readonly namespace: string;
}

/** Tells what is wrong with an authority, in words for whoever wrote it. */
export class AuthorityError extends Error {
  override readonly name = "AuthorityError";
}

export const DEFAULT_NAMESPACE = "default";
const DEFAULT_PORT = 80;
const MESH_SUFFIX = ".svc.cluster.local";
// RFC 1035 §2.3.4 limits a name to 253 characters as text and a label to 63; the rest is brackets and port.
const MAX_HOST = 253;
const MAX_TEXT = 320;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** A host whose last label is a number is an IPv4 address or a mistake (WHATWG URL, "ends in a number"). */
const ENDS_IN_NUMBER = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

/**
 * Parses "users", "users:8080", "users.demo.svc", "10.1.2.3:80", "[::1]:80". Without a port 80 is meant; a single label is
 * taken in `namespace`.
 *
 * @throws AuthorityError
 */
export function parseAuthority(text: string, namespace: string = DEFAULT_NAMESPACE): Authority {
  if (text === "") throw new AuthorityError('the authority is empty; give one such as "users" or "users:8080"');
  if (text.length > MAX_TEXT) throw refuse(text, `is longer than ${MAX_TEXT} characters`);
  const { host, port, bracketed } = splitPort(text);
  const number = parsePort(text, port);
  const ip = parseIp(host);
  if (bracketed && ip?.length !== 16) throw refuse(text, "has brackets around something other than an IPv6 address");
  if (ip) return ipAuthority(formatIp(unmapIp(ip)), number);
  return nameAuthority(expand(checkName(text, host), namespace), number);
}

/** `undefined` instead of an error, for texts that may be anything. */
export function tryParseAuthority(text: string, namespace?: string): Authority | undefined {
  try {
    return parseAuthority(text, namespace);
  } catch {
    return undefined;
  }
}

function splitPort(text: string): { host: string; port: string | undefined; bracketed: boolean } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
  if (bracketed) return { host: bracketed[1] ?? "", port: bracketed[2], bracketed: true };
  const colon = text.indexOf(":");
  const single = colon >= 0 && colon === text.lastIndexOf(":");
  if (!single) return { host: text, port: undefined, bracketed: false };
  return { host: text.slice(0, colon), port: text.slice(colon + 1), bracketed: false };
}

function parsePort(text: string, port: string | undefined): number {
  if (port === undefined) return DEFAULT_PORT;
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65_535) throw refuse(text, `has the port "${clip(port)}", which is not within 1 to 65535`);
  return number;
}

function checkName(text: string, given: string): string {
  const lower = given.toLowerCase();
  const host = lower.endsWith(".") ? lower.slice(0, -1) : lower;
  if (host.length > MAX_HOST) throw refuse(text, `has a host longer than ${MAX_HOST} characters`);
  const bad = host.split(".").find((label) => !LABEL.test(label));
  if (bad !== undefined) {
    const hint = /[^\0-\x7f]/.test(bad) ? "; write it in its xn-- form" : "";
    throw refuse(text, bad === "" ? "has an empty label" : `has "${clip(bad)}", which no host name can contain${hint}`);
  }
  if (ENDS_IN_NUMBER.test(host)) throw refuse(text, "ends in a number but is not an IPv4 address");
  return host;
}

function expand(host: string, namespace: string): string {
  if (!host.includes(".")) return `${host}.${namespace}${MESH_SUFFIX}`;
  return host.endsWith(".svc") ? `${host}.cluster.local` : host;
}

function ipAuthority(host: string, port: number): Authority {
  const key = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return { key, host, port, shortHost: host, service: undefined, form: "ip" };
}

function nameAuthority(host: string, port: number): Authority {
  const mesh = host.endsWith(MESH_SUFFIX);
  const inner = mesh ? host.slice(0, -MESH_SUFFIX.length) : host;
  const [name = "", namespace, ...rest] = inner.split(".");
  const service = namespace === undefined || rest.length > 0 ? undefined : { name, namespace };
  const shortHost = mesh && service?.namespace === DEFAULT_NAMESPACE ? name : inner;
  return { key: `${host}:${port}`, host, port, shortHost, service, form: mesh ? "mesh" : "name" };
}

function refuse(text: string, what: string): AuthorityError {
  return new AuthorityError(`authority "${clip(text)}" ${what}`);
}

/** Hostile text, short and printable. */
function clip(text: string): string {
  const printable = text.slice(0, 80).replaceAll(/[^\x20-\x7e]/g, "?");
  return text.length > 80 ? `${printable}…` : printable;
}
