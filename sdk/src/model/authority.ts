import { isIP } from "node:net";
import type { Authority } from "../public/authority.ts";
import { joinHostPort, splitHostPort } from "./host-port.ts";

const clusterSuffix = ".svc.cluster.local";
const defaultNamespace = "default";

/**
 * Reads an authority as the mesh does: lower case, no dot at the end, port 80 when there is none; a single label and
 * `name.namespace.svc` are services of the mesh, every other name stays as it is. Undefined when it cannot be one.
 */
export function parseAuthority(text: string): Authority | undefined {
  const split = splitHostPort(text.trim());
  if (!split) return undefined;
  const host = split.host.toLowerCase().replace(/\.$/, "");
  if (host === "" || host.length > 253) return undefined;
  return toAuthority(host, split.port ?? 80);
}

function toAuthority(host: string, port: number): Authority {
  const service = serviceOf(host);
  if (!service) return { host, port, name: host, namespace: "", full: joinHostPort(host, port) };
  const [name, namespace] = service;
  const short = namespace === defaultNamespace ? name : `${name}.${namespace}`;
  return { host: short, port, name, namespace, full: `${name}.${namespace}${clusterSuffix}:${port}` };
}

/** Name and namespace when the host is a service of the mesh. */
function serviceOf(host: string): [string, string] | undefined {
  if (isIP(host)) return undefined;
  if (!host.includes(".")) return [host, defaultNamespace];
  const found = /^([^.]+)\.([^.]+)\.svc(?:\.cluster\.local)?$/.exec(host);
  return found ? [found[1] ?? "", found[2] ?? ""] : undefined;
}
