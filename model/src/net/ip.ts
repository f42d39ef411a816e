import { isIP } from "node:net";

/** An IP address in its one spelling. */
export interface Ip {
  readonly family: "ipv4" | "ipv6";
  /** Dotted decimal, or RFC 5952. */
  readonly text: string;
  /** The same with an IPv4-mapped IPv6 address as the IPv4 address that it is to a socket (RFC 4291 §2.5.5.2). */
  readonly plain: string;
}

/** Understands a strict IP literal: no zone, no brackets, no leading zeros, no short or numeric forms such as "127.1". */
export function parseIp(text: string): Ip | undefined {
  const version = isIP(text);
  if (version === 4) return { family: "ipv4", text, plain: text };
  if (version === 0 || text.includes("%")) return undefined;
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  return { family: "ipv6", text: canonical, plain: mappedIpv4(canonical) ?? canonical };
}

function mappedIpv4(canonical: string): string | undefined {
  return canonical.startsWith("::ffff:") ? ipv4Of(groupsOf(canonical), 6) : undefined;
}

/** Where IPv6 addresses carry an IPv4 address: mapped and compatible (RFC 4291), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056). */
const CARRIERS: readonly (readonly [prefix: readonly number[], at: number])[] = [
  [[0, 0, 0, 0, 0, 0xffff], 6],
  [[0, 0, 0, 0, 0, 0], 6],
  [[0x64, 0xff9b, 0, 0, 0, 0], 6],
  [[0x64, 0xff9b, 1], 6],
  [[0x2002], 1],
];

/** The IPv4 address that packets to this IPv6 address may end at; undefined: none. Not of "::" and "::1", which are themselves. */
export function carriedIpv4({ family, text }: Ip): string | undefined {
  if (family === "ipv4" || text === "::" || text === "::1") return undefined;
  const groups = groupsOf(text);
  const carrier = CARRIERS.find(([prefix]) => prefix.every((group, index) => groups[index] === group));
  return carrier && ipv4Of(groups, carrier[1]);
}

function ipv4Of(groups: readonly number[], at: number): string {
  const [high = 0, low = 0] = groups.slice(at, at + 2);
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** The eight groups of an address as RFC 5952 writes it. */
function groupsOf(canonical: string): readonly number[] {
  const [head = [], tail = []] = canonical.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
}

/** This very machine: 127.0.0.0/8 and ::1. */
export function isLoopback({ plain }: Ip): boolean {
  return plain === "::1" || plain.startsWith("127.");
}
