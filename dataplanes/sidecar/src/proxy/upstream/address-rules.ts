import { BlockList, isIP } from "node:net";
import { RefusedAddress } from "./connect-errors.ts";

/** Where nothing is forwarded to, whoever asks: cloud metadata, link-local, and addresses that name no single host. */
const FORBIDDEN: readonly (readonly [string, number, "ipv4" | "ipv6"])[] = [
  ["0.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["224.0.0.0", 4, "ipv4"],
  ["240.0.0.0", 4, "ipv4"],
  // Metadata services outside of link-local: Alibaba, Oracle, Azure's platform address.
  ["100.100.100.200", 32, "ipv4"],
  ["192.0.0.192", 32, "ipv4"],
  ["168.63.129.16", 32, "ipv4"],
  ["::", 128, "ipv6"],
  ["fe80::", 10, "ipv6"],
  ["ff00::", 8, "ipv6"],
  // Metadata services of AWS and Google.
  ["fd00:ec2::254", 128, "ipv6"],
  ["fd20:ce::254", 128, "ipv6"],
];

/** IPv6 ranges that carry an IPv4 address in their last 32 bits: mapped, compatible, NAT64. */
const EMBEDDING: readonly (readonly [string, number])[] = [
  ["::ffff:0:0", 96],
  ["::", 96],
  ["64:ff9b::", 96],
];

const forbidden = new BlockList();
for (const [network, bits, family] of FORBIDDEN) forbidden.addSubnet(network, bits, family);
const embedding = new BlockList();
for (const [network, bits] of EMBEDDING) embedding.addSubnet(network, bits, "ipv6");

/** Names under which clouds serve metadata; for forwarding through a proxy that resolves names itself. */
const METADATA_NAMES = new Set(["metadata.google.internal", "metadata.goog", "metadata", "instance-data.ec2.internal"]);

/** Whether an IP literal must not be connected to. Text that is no IP literal is forbidden too: resolve first. */
export function isForbiddenAddress(address: string): boolean {
  const [plain = ""] = address.split("%");
  const family = isIP(plain);
  if (family === 4) return forbidden.check(plain, "ipv4");
  if (family !== 6) return true;
  if (plain === "::1") return false;
  if (forbidden.check(plain, "ipv6")) return true;
  return embedding.check(plain, "ipv6") && forbidden.check(embeddedIpv4(plain), "ipv4");
}

/** The last 32 bits of an IPv6 address as IPv4. */
function embeddedIpv4(address: string): string {
  const dotted = /(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  if (dotted !== undefined) return dotted;
  const groups = address
    .split(":")
    .slice(-2)
    .map((group) => Number.parseInt(group === "" ? "0" : group, 16));
  const [high = 0, low = 0] = groups;
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

export function isMetadataName(host: string): boolean {
  return METADATA_NAMES.has(host.toLowerCase().replace(/\.$/, ""));
}

/**
 * An IPv4 address in a spelling of old, such as "169.254.43518" or "0xa9.0xfe.0xa9.0xfe", which resolvers and proxies still read as
 * one: its last label is a number, which that of no name is (RFC 3696 §2).
 */
export function isOddlySpelledAddress(host: string): boolean {
  return isIP(host) === 0 && /(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i.test(host);
}

/** This very machine, where our own ports are. */
export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127.");
}

/** Why a resolved address may not be connected to; undefined: it may. */
export type AddressCheck = (address: string, port: number) => RefusedAddress | undefined;

/** `ownPorts`: where this sidecar accepts what the program sends; a connection to them would go round. */
export function createAddressCheck(ownPorts: () => ReadonlySet<number>): AddressCheck {
  return (address, port) => {
    if (isForbiddenAddress(address))
      return new RefusedAddress(
        "forbidden",
        `${address} is a metadata, link-local or special address; nothing is forwarded there`,
      );
    if (isLoopback(address) && ownPorts().has(port))
      return new RefusedAddress("loop", `${address}:${port} is this sidecar itself`);
    return undefined;
  };
}
