/** A host and a port taken apart. The host is without brackets. */
export interface HostPort {
  readonly host: string;
  /** Undefined when the text has none. */
  readonly port: number | undefined;
}

/** Splits `"users:80"`, `"10.0.0.1"`, `"[fd00::1]:80"`. Undefined when it is none of these or the port is not 1 to 65535. */
export function splitHostPort(text: string): HostPort | undefined {
  const found = /^(?:\[([^\][]+)\]|([^:\][\s/]+))(?::(\d{1,5}))?$/.exec(text);
  if (!found) return bareIpv6(text);
  const port = found[3] === undefined ? undefined : Number(found[3]);
  if (port !== undefined && !isPort(port)) return undefined;
  return { host: found[1] ?? found[2] ?? "", port };
}

/** `"fd00::1"` has no port: which of its groups would be one cannot be told. */
function bareIpv6(text: string): HostPort | undefined {
  return /^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(text) ? { host: text, port: undefined } : undefined;
}

/** A whole number from 1 to 65535. */
export function isPort(port: unknown): port is number {
  return typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** Puts both together again, with brackets around IPv6. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
