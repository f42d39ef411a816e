import { parseIp } from "../net/ip.ts";
import { printable } from "../text/printable.ts";
import { joinHostPort, splitHostPort } from "./host-port.ts";
import { CLUSTER_DOMAIN, DEFAULT_NAMESPACE, SERVICE_SUFFIX, type ServiceRef, serviceOfLabels } from "./service-ref.ts";
import { workloadName } from "./workload-name.ts";

/** What a client asked for. Equal ones have equal keys, however they were spelled. */
export interface Authority {
  /** The canonical spelling: "users.default.svc.cluster.local:80", "example.com:443", "[::1]:80". */
  readonly key: string;
  /** In full and lower case, without a dot at its end; IPv6 without brackets, as RFC 5952 writes it. */
  readonly host: string;
  readonly port: number;
  /** The shortest form of the host, as people and telemetry call it: "users", "users.demo", "example.com". */
  readonly shortHost: string;
  /** The service that the name means if there is one: "users.demo" and its full name are the same service. */
  readonly service: ServiceRef | undefined;
  /**
   * `mesh`: ends in "svc.cluster.local", which DNS does not know, so that nothing outside of the mesh can serve it. `name`: what DNS
   * may know; one of two labels is a service first (Kubernetes' search path), and the resolver chain says whether it is.
   */
  readonly kind: "mesh" | "name" | "ip";
}

/** Tells what is wrong with an authority, in words for the person who wrote it. */
export class AuthorityError extends Error {
  override readonly name = "AuthorityError";
}

/** Port of an authority that says none (RFC 9110 §4.2.1). */
export const DEFAULT_PORT = 80;
// RFC 1035 §2.3.4 limits a name to 253 characters as text and a label to 63; the rest is brackets and port.
const MAX_HOST = 253;
const MAX_TEXT = 320;
const NOT_ASCII = /[^\0-\x7f]/;
/** A label of a host: LDH of RFC 1123 §2.1, and "_" of SRV names (RFC 2782) and of hosts that containers have. */
const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** A host whose last label is a number is an IPv4 address or a mistake (WHATWG URL §3.5, "ends in a number checker"). */
const ENDS_IN_NUMBER = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;
const NAMESPACE_SUFFIX = ".svc";

/**
 * Understands "users", "users:8080", "users.demo.svc", "10.1.2.3:80", "[::1]:80". The port defaults to 80, the namespace of a single
 * label to `namespace`. What two programs could read differently is refused: short, hexadecimal and octal forms of IPv4, IPv6
 * without brackets or with a zone, letters outside of ASCII, white space, users.
 *
 * @throws AuthorityError
 */
export function parseAuthority(text: string, namespace: string = DEFAULT_NAMESPACE): Authority {
  const read = readAuthority(text, namespace);
  if (typeof read === "string") throw new AuthorityError(read);
  return read;
}

/** `undefined` instead of an error, for texts that may be anything. */
export function tryParseAuthority(text: string, namespace: string = DEFAULT_NAMESPACE): Authority | undefined {
  const read = readAuthority(text, namespace);
  return typeof read === "string" ? undefined : read;
}

/** What is wrong with a text as an authority, as a sentence; undefined: nothing. */
export function whyNoAuthority(text: string, namespace: string = DEFAULT_NAMESPACE): string | undefined {
  const read = readAuthority(text, namespace);
  return typeof read === "string" ? read : undefined;
}

/** The authority, or what is wrong with it. */
function readAuthority(text: string, namespace: string): Authority | string {
  if (text === "") return 'authority is empty; give one such as "users" or "users:8080"';
  if (text.length > MAX_TEXT) return wrong(text, `is longer than ${MAX_TEXT} characters`);
  const split = splitHostPort(text);
  if (split === undefined) return wrong(text, unsplittable(text));
  const { port = DEFAULT_PORT, bracketed } = split;
  const host = hostOf(split.host);
  const ip = parseIp(host);
  if (bracketed && ip?.family !== "ipv6")
    return wrong(text, "has brackets around something other than an IPv6 address");
  if (ip !== undefined) return ipAuthority(ip.plain, port);
  const full = expand(host, namespace);
  const problem = nameProblem(host, full);
  return problem === undefined ? nameAuthority(full, port) : wrong(text, problem);
}

/** In lower case, without the dot of the root. Letters outside of ASCII stay: some of them, such as the Kelvin sign, are "k" in lower case. */
function hostOf(written: string): string {
  const lower = NOT_ASCII.test(written) ? written : written.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

function unsplittable(text: string): string {
  if (!text.startsWith("[") && text.indexOf(":") !== text.lastIndexOf(":"))
    return "has several colons; write an IPv6 address in brackets, such as [::1]:80";
  const [, port] = /:([^:\]]*)$/.exec(text) ?? [];
  if (port === undefined) return "has brackets around something other than an IPv6 address";
  return `has the port "${printable(port)}", which is not within 1 to 65535`;
}

function nameProblem(host: string, full: string): string | undefined {
  if (full.length > MAX_HOST) return `has a host longer than ${MAX_HOST} characters`;
  const bad = host.split(".").find((label) => !HOST_LABEL.test(label));
  if (bad === "") return "has an empty label";
  if (bad !== undefined) {
    const hint = NOT_ASCII.test(bad) ? "; write it in its xn-- form" : "";
    return `has "${printable(bad)}", which no host name can contain${hint}`;
  }
  return ENDS_IN_NUMBER.test(host) ? "ends in a number but is not an IPv4 address" : undefined;
}

function expand(host: string, namespace: string): string {
  if (!host.includes(".")) return `${host}.${namespace}${SERVICE_SUFFIX}`;
  return host.endsWith(NAMESPACE_SUFFIX) ? `${host}.${CLUSTER_DOMAIN}` : host;
}

function ipAuthority(host: string, port: number): Authority {
  return { key: joinHostPort(host, port), host, port, shortHost: host, service: undefined, kind: "ip" };
}

function nameAuthority(host: string, port: number): Authority {
  const mesh = host.endsWith(SERVICE_SUFFIX);
  const inner = mesh ? host.slice(0, -SERVICE_SUFFIX.length) : host;
  const labels = inner.split(".");
  const service = serviceOfLabels(labels);
  const shortHost = mesh ? shortMeshHost(host, service, labels) : host;
  return { key: `${host}:${port}`, host, port, shortHost, service, kind: mesh ? "mesh" : "name" };
}

/** No two hosts that mean different things have one short form: what is no service keeps a namespace's name in full. */
function shortMeshHost(
  host: string,
  service: ServiceRef | undefined,
  [name = "", namespace, ...more]: readonly string[],
): string {
  if (service !== undefined) return workloadName(service);
  return namespace === DEFAULT_NAMESPACE && more.length === 0 ? name : host;
}

function wrong(text: string, what: string): string {
  return `authority "${printable(text)}" ${what}`;
}
