import { BlockList, isIP } from "node:net";
import { carriedIpv4, type Ip, parseIp } from "./ip.ts";

/** Loopback and private addresses: where programs of one laptop or one cluster live. */
export const PRIVATE_NETWORKS: readonly string[] = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "::1/128",
  "fc00::/7",
];

/** Addresses that proxies never connect to, and what they are. */
const FORBIDDEN: readonly (readonly [what: string, ...blocks: readonly string[]])[] = [
  ["link-local, where clouds serve metadata and credentials", "169.254.0.0/16", "fe80::/10"],
  // Outside of link-local: Alibaba, Oracle, Azure's platform address; AWS, Google.
  [
    "a cloud's metadata service",
    "100.100.100.200/32",
    "192.0.0.192/32",
    "168.63.129.16/32",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
  ],
  ["multicast or reserved", "224.0.0.0/3", "ff00::/8"],
  ["unspecified, so it may reach any local program", "0.0.0.0/8", "::/128"],
];

const REASONS = FORBIDDEN.map(([what, ...blocks]) => ({ what, list: blockList(blocks) }));
const ANY = blockList(FORBIDDEN.flatMap(([, ...blocks]) => blocks));

function blockList(blocks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const [address = "", prefix] = block.split("/");
    list.addSubnet(address, Number(prefix), isIP(address) === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

/** Why an address may not be connected to; undefined: it may. An IPv4 address inside of an IPv6 one counts as itself. */
export function whyForbidden(ip: Ip): string | undefined {
  const carried = carriedIpv4(ip);
  if (!ANY.check(ip.text, ip.family)) return carried === undefined ? undefined : whyForbiddenText(carried, "ipv4");
  return whyForbiddenText(ip.text, ip.family);
}

function whyForbiddenText(text: string, family: Ip["family"]): string | undefined {
  return REASONS.find(({ list }) => list.check(text, family))?.what;
}

/**
 * Why an address can never be announced or answered as an endpoint; undefined: it can. What carries an IPv4 address inside is
 * refused whole: it has another spelling, and the rules for that one would not see it.
 */
export function whyNeverEndpoint(ip: Ip): string | undefined {
  const why = whyForbidden(ip);
  if (why !== undefined) return why;
  return carriedIpv4(ip) === undefined ? undefined : "an IPv4 address in the form of IPv6; write it as IPv4";
}

/** Names under which clouds serve metadata; for connections through a proxy that resolves names itself. */
const METADATA_NAMES: ReadonlySet<string> = new Set([
  "metadata.google.internal",
  "metadata.goog",
  "metadata",
  "instance-data",
  "instance-data.ec2.internal",
]);

/** `host`: in lower case, without a dot at its end. */
export function isMetadataName(host: string): boolean {
  return METADATA_NAMES.has(host);
}

/** Why an IP address can never be an endpoint's; undefined: it can. */
export function whyNotEndpointAddress(text: string): string | undefined {
  const ip = parseIp(text);
  return ip === undefined ? "not an IP address" : whyNeverEndpoint(ip);
}
