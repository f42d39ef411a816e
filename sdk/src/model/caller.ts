import type { Caller, ServiceName } from "../public/plugin.ts";

/** SPIFFE IDs of workloads, such as "spiffe://cluster.local/ns/default/sa/web". */
const workload = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/;

/** Who has proven this SPIFFE ID; one of another shape has no name, and its identity says all there is. */
export function readCaller(identity: string): Caller {
  const [, namespace = "", service = ""] = workload.exec(identity) ?? [];
  return { identity, namespace, service };
}

/** A service by "namespace/name"; one without a namespace is in "default". */
export function readService(text: string): ServiceName {
  const at = text.indexOf("/");
  return at < 0
    ? { namespace: "default", service: text }
    : { namespace: text.slice(0, at), service: text.slice(at + 1) };
}
