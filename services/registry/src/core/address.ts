import { check, clip } from "./check.ts";

const hostPort = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?):(\d{1,5})$/;

/** Addresses at which nobody may be called: unspecified, link-local (with the metadata service), multicast, broadcast. */
const forbidden: readonly RegExp[] = [
  /^0\./,
  /^169\.254\./,
  /^(22[4-9]|23\d|24\d|25[0-5])\./,
  /^::$/,
  /^::(ffff:)?(0|169\.254|2[2-5]\d)\./i,
  /^::(ffff:)?a9fe:/i,
  /^fe[89ab][0-9a-f]:/i,
  /^ff[0-9a-f]{2}:/i,
];

/** Whether an IP literal, without brackets, may be called. */
export function isCallable(ip: string): boolean {
  return !forbidden.some((pattern) => pattern.test(ip));
}

/** "host:port" where something of the announcer's is served. */
export function checkAddress(address: string, field: string): void {
  check(!address.includes("://"), field, `"${clip(address)}" has a scheme; leave it out: host:port`);
  const match = hostPort.exec(address);
  check(match !== null, field, `"${clip(address)}" is not host:port`);
  const port = Number(match?.[3] ?? 0);
  check(port >= 1 && port <= 65_535, field, `port ${port} is not within 1 to 65535`);
  const host = (match?.[1] ?? "").replace(/^\[|\]$/g, "");
  check(isCallable(host), field, `${host} can not be an announcer's address (unspecified, link-local or multicast)`);
}
