import { formatIp, type Ip, parseIp } from "./ip.ts";

/** A block of addresses, such as 10.0.0.0/8. */
export interface Network {
  readonly text: string;
  readonly base: Ip;
  readonly prefix: number;
}

/** Understands CIDR notation; a single address is a block of one. Undefined: it is neither. */
export function parseNetwork(text: string): Network | undefined {
  const [address = "", length, ...rest] = text.split("/");
  const base = parseIp(address);
  if (!base || rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined;
  const prefix = length === undefined ? base.length * 8 : Number(length);
  return prefix > base.length * 8 ? undefined : { text: `${formatIp(base)}/${prefix}`, base, prefix };
}

/** Whether the address lies in the block. An IPv4 address is never in an IPv6 block. */
export function contains({ base, prefix }: Network, ip: Ip): boolean {
  if (ip.length !== base.length) return false;
  const whole = prefix >> 3;
  for (let index = 0; index < whole; index++) if (ip[index] !== base[index]) return false;
  const bits = prefix & 7;
  if (bits === 0) return true;
  const mask = 0xff << (8 - bits);
  return (((ip[whole] ?? 0) ^ (base[whole] ?? 0)) & mask & 0xff) === 0;
}

/** Blocks of constants of this program; throws on a mistake in them. */
export function networks(...texts: readonly string[]): readonly Network[] {
  return texts.map((text) => {
    const network = parseNetwork(text);
    if (!network) throw new Error(`"${text}" is not a network`);
    return network;
  });
}

/** Loopback and private addresses: where programs of one laptop or one cluster live. */
export const laptopNetworks = networks(
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "::1/128",
  "fc00::/7",
);

/** Addresses that no endpoint may have, whatever a grant says, and what they are. */
const neverEndpoints: readonly (readonly [what: string, blocks: readonly Network[]])[] = [
  ["link-local, where clouds serve credentials", networks("169.254.0.0/16", "fe80::/10")],
  ["a cloud's metadata service", networks("100.100.100.200/32", "fd00:ec2::254/128")],
  ["multicast or reserved", networks("224.0.0.0/3", "ff00::/8")],
  ["unspecified, so it may reach any local program", networks("0.0.0.0/8", "::/128")],
  // Each of these carries an IPv4 address inside, and so would get around the other rules.
  ["an IPv4 address in IPv6 clothes; write it as IPv4", networks("::ffff:0:0/96", "64:ff9b::/96", "2002::/16")],
  ["an IPv4-compatible address, which nothing routes", networks("::/96")],
];

const loopback6 = networks("::1/128");

/** Why an address can never be an endpoint; undefined when it can. */
export function whyNeverEndpoint(ip: Ip): string | undefined {
  if (loopback6.some((block) => contains(block, ip))) return undefined;
  return neverEndpoints.find(([, blocks]) => blocks.some((block) => contains(block, ip)))?.[0];
}
