import { BlockList } from "node:net";
import { type Ip, parseIp } from "./ip.ts";

/** A block of addresses, such as 10.0.0.0/8. */
export interface Cidr {
  readonly text: string;
  /** An IPv4 address is never in an IPv6 block. */
  contains(ip: Ip): boolean;
}

/** Understands CIDR notation (RFC 4632); a single address is a block of one. Undefined: it is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", length, ...rest] = text.split("/");
  const base = parseIp(address);
  if (base === undefined || rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined;
  const bits = base.family === "ipv4" ? 32 : 128;
  const prefix = length === undefined ? bits : Number(length);
  if (prefix > bits) return undefined;
  const list = new BlockList();
  list.addSubnet(base.text, prefix, base.family);
  return {
    text: `${base.text}/${prefix}`,
    contains: (ip) => ip.family === base.family && list.check(ip.text, ip.family),
  };
}

/** Blocks that are constants of this program; throws on a mistake in them. */
export function cidrs(...texts: readonly string[]): readonly Cidr[] {
  return texts.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw new Error(`"${text}" is not a block of addresses`);
    return cidr;
  });
}
