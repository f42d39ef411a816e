import { printable } from "@patchbay/model";
import { check } from "./check.ts";

const hostPort = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?):(\d{1,5})$/;

/** Addresses at which nobody may be called: unspecified, link-local (with the metadata service), multicast, broadcast. */
const forbidden: readonly RegExp[] = [
  /^0\./,
  /^169\.254\./,
  /^(22[4-9]|23\d|24\d|25[0-5])\./,
  /^::$/,
  /^fe[89ab][0-9a-f]:/,
  /^ff[0-9a-f]{2}:/,
];

/** Whether an IP literal, without brackets, may be called. Other hosts may, unless they are an IP address in another spelling. */
export function isCallable(host: string): boolean {
  const plain = plainHost(host);
  return plain !== undefined && !forbidden.some((pattern) => pattern.test(plain));
}

/**
 * The one spelling of a host: "0xa9fea9fe", "2852039166" and "0:0:0:0:0:ffff:a9fe:a9fe" are 169.254.169.254 to whoever
 * dials them. Undefined: it is an address that nobody can read (WHATWG URL, host parsing).
 */
function plainHost(host: string): string | undefined {
  const url = `http://${host.includes(":") ? `[${host}]` : host}`;
  if (!URL.canParse(url)) return undefined;
  const plain = new URL(url).hostname.replace(/^\[|\]$/g, "");
  // An IPv4 address in IPv6, mapped or compatible; "::1" has one group and is none.
  const [, high, low] = /^::(?:ffff:)?([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(plain) ?? [];
  if (high === undefined || low === undefined) return plain;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join(".");
}

/** "host:port" where something of the announcer's is served. */
export function checkAddress(address: string, field: string): void {
  check(!address.includes("://"), field, `"${printable(address)}" has a scheme; leave it out: host:port`);
  const match = hostPort.exec(address);
  check(match !== null, field, `"${printable(address)}" is not host:port`);
  const port = Number(match?.[3] ?? 0);
  check(port >= 1 && port <= 65_535, field, `port ${port} is not within 1 to 65535`);
  const host = (match?.[1] ?? "").replace(/^\[|\]$/g, "");
  check(isCallable(host), field, `${host} can not be an announcer's address (unspecified, link-local or multicast)`);
}
