import { DEFAULT_NAMESPACE, type ServiceRef, serviceOfLabels } from "./service-ref.ts";

/**
 * As telemetry and people name a workload: its namespace is said only when it is not "default". A name with dots in it has its
 * namespace always, or "users.demo" of "default" would be called as users of "demo" is.
 */
export function workloadName({ namespace, name }: ServiceRef): string {
  const short = namespace === "" || (namespace === DEFAULT_NAMESPACE && !name.includes("."));
  return short ? name : `${name}.${namespace}`;
}

/** The workload of "users" or "users.demo"; undefined: a name outside of the mesh, an address, or none at all. */
export function parseWorkloadName(text: string): ServiceRef | undefined {
  return serviceOfLabels(text.includes(".") ? text.split(".") : [text, DEFAULT_NAMESPACE]);
}
