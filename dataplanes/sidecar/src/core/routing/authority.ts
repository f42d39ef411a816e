/** An authority in the form by which equal ones are one key. */
export interface Authority {
  /** Lower case, without a trailing dot; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** "users.default.svc.cluster.local:80", "example.com:443", "[::1]:80". */
  readonly canonical: string;
  /** What people and telemetry call it: "users", "users.demo", "example.com". */
  readonly name: string;
  /** `mesh`: "users", "users.demo.svc" and their full names, which DNS does not know, so nobody outside the mesh can serve them. */
  readonly form: "mesh" | "outside" | "ip";
}

const DEFAULT_PORT = 80;
const SUFFIX = ".svc.cluster.local";
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
/** Rough: the resolver chain looks closer. */
const IPV6 = /^(?=(?:[^:]*:){2,7}[^:]*$)[0-9a-f:.]{2,45}$/;
const SERVICE_IN_NAMESPACE = /^[a-z0-9-]+\.[a-z0-9-]+$/;
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/**
 * Understands what a client may send as authority. A single label is taken in the client's namespace.
 * Undefined: it cannot be one (empty, bad port, characters that no host has).
 */
export function parseAuthority(text: string, namespace: string): Authority | undefined {
  const split = splitPort(text.trim().toLowerCase());
  if (split === undefined) return undefined;
  const { port } = split;
  const host = split.host.endsWith(".") ? split.host.slice(0, -1) : split.host;
  if (IPV6.test(host)) return { host, port, canonical: `[${host}]:${port}`, name: host, form: "ip" };
  if (IPV4.test(host)) return { host, port, canonical: `${host}:${port}`, name: host, form: "ip" };
  if (host.length > 253 || !host.split(".").every((label) => LABEL.test(label))) return undefined;
  const full = expand(host, namespace);
  return {
    host,
    port,
    canonical: `${full}:${port}`,
    name: shortName(full),
    form: full.endsWith(SUFFIX) ? "mesh" : "outside",
  };
}

/** "host", "host:port", "[ipv6]", "[ipv6]:port" or a bare "ipv6". */
function splitPort(text: string): { host: string; port: number } | undefined {
  if (IPV6.test(text)) return { host: text, port: DEFAULT_PORT };
  const match = /^(?:\[(?<ipv6>[0-9a-f:.]+)\]|(?<host>[^:[\]]+))(?::(?<port>\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const { ipv6, host, port } = match.groups ?? {};
  if (ipv6 !== undefined && !IPV6.test(ipv6)) return undefined;
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  return number >= 1 && number <= 65_535 ? { host: ipv6 ?? host ?? "", port: number } : undefined;
}

function expand(host: string, namespace: string): string {
  if (!host.includes(".")) return `${host}.${namespace}${SUFFIX}`;
  return host.endsWith(".svc") ? `${host}.cluster.local` : host;
}

/** "users.default.svc.cluster.local", without its port. */
export function fullHost({ canonical }: Authority): string {
  return canonical.slice(0, canonical.lastIndexOf(":"));
}

/**
 * Host in full of the service that a name means when it means one: "users", "users.demo" and their longer forms. Whether the world
 * outside has a host "users.demo" is for the resolver chain to say. Undefined: it cannot be a service.
 */
export function serviceHost(authority: Authority): string | undefined {
  if (authority.form === "mesh") return fullHost(authority);
  return authority.form === "outside" && SERVICE_IN_NAMESPACE.test(authority.host)
    ? `${authority.host}${SUFFIX}`
    : undefined;
}

/** The service as telemetry names it: its namespace is said only when it is not "default". */
export function shortName(host: string): string {
  if (!host.endsWith(SUFFIX)) return host;
  const short = host.slice(0, -SUFFIX.length);
  return short.endsWith(".default") ? short.slice(0, -".default".length) : short;
}
