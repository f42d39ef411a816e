import { isDnsLabel } from "./dns-label.ts";

/** A service of the mesh. */
export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
}

/** Where names belong that say no namespace. */
export const DEFAULT_NAMESPACE = "default";
/** Domain of the mesh: of its names in DNS, and of the identities that it proves. */
export const CLUSTER_DOMAIN = "cluster.local";
/** What names of services end in (Kubernetes DNS specification, §2.3). */
export const SERVICE_SUFFIX = `.svc.${CLUSTER_DOMAIN}`;

/** "demo/users": how services are keys of tables. */
export function serviceKey({ namespace, name }: ServiceRef): string {
  return `${namespace}/${name}`;
}

/** The service of a key; without a namespace in it, one of "default". */
export function parseServiceKey(key: string): ServiceRef {
  const slash = key.indexOf("/");
  return slash < 0
    ? { namespace: DEFAULT_NAMESPACE, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The host in full: "users.demo.svc.cluster.local". */
export function serviceHost({ namespace, name }: ServiceRef): string {
  return `${name}.${namespace}${SERVICE_SUFFIX}`;
}

/** The service of a host in full; undefined: it is not one. */
export function parseServiceHost(host: string): ServiceRef | undefined {
  return host.endsWith(SERVICE_SUFFIX) ? serviceOfLabels(host.slice(0, -SERVICE_SUFFIX.length).split(".")) : undefined;
}

/** Exactly a name and a namespace, both DNS labels. */
export function serviceOfLabels([name = "", namespace = "", ...more]: readonly string[]): ServiceRef | undefined {
  return more.length === 0 && isDnsLabel(name) && isDnsLabel(namespace) ? { namespace, name } : undefined;
}
