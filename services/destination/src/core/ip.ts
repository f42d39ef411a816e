/** An IP address as bytes: 4 of IPv4 or 16 of IPv6. */
export type Ip = Uint8Array;

/** Understands a strict IP literal: no zone, no brackets, no leading zeros, no short or numeric forms such as "127.1". */
export function parseIp(text: string): Ip | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** RFC 5952 for IPv6, dotted decimal for IPv4. */
export function formatIp(ip: Ip): string {
  return ip.length === 4 ? ip.join(".") : formatIpv6(groupsOf(ip));
}

/** The IPv4 address inside an IPv4-mapped IPv6 address (::ffff:0:0/96), else the address itself. */
export function unmapIp(ip: Ip): Ip {
  const mapped = ip.length === 16 && ip.subarray(0, 10).every((byte) => byte === 0) && ip[10] === 255 && ip[11] === 255;
  return mapped ? ip.subarray(12) : ip;
}

const DECIMAL = /^(?:0|[1-9]\d{0,2})$/;

function parseIpv4(text: string): Ip | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => DECIMAL.test(part) && Number(part) <= 255)) return undefined;
  return Uint8Array.from(parts, Number);
}

const HEX = /^[0-9a-f]{1,4}$/i;
const EMBEDDED_IPV4 = /^(.*:)(\d{1,3}(?:\.\d{1,3}){3})$/;

function parseIpv6(text: string): Ip | undefined {
  const plain = spellOutEmbedded(text);
  if (plain === undefined) return undefined;
  const halves = plain.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (![...head, ...tail].every((group) => HEX.test(group))) return undefined;
  const missing = 8 - head.length - tail.length;
  // "::" stands for at least one group; without it all eight must be there.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...tail].map((group) =>
    Number.parseInt(group, 16),
  );
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
}

/** "::ffff:1.2.3.4" becomes "::ffff:102:304". */
function spellOutEmbedded(text: string): string | undefined {
  if (!text.includes(".")) return text;
  const [, head, dotted] = EMBEDDED_IPV4.exec(text) ?? [];
  const ip = dotted === undefined ? undefined : parseIpv4(dotted);
  if (!ip) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = ip;
  return `${head}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

function groupsOf(ip: Ip): number[] {
  return Array.from({ length: 8 }, (_, index) => ((ip[index * 2] ?? 0) << 8) | (ip[index * 2 + 1] ?? 0));
}

function formatIpv6(groups: readonly number[]): string {
  const hex = groups.map((group) => group.toString(16));
  const { start, length } = longestZeros(groups);
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/** The first of the longest runs of zero groups, RFC 5952 §4.2.3. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  groups.forEach((group, index) => {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  });
  return best;
}
