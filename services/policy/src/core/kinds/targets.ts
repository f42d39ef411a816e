import { DEFAULT_PORT, joinHostPort, serviceHost, serviceKey } from "@patchbay/model";
import type { Path, SpecProblem } from "../problem.ts";
import { problem } from "../problem.ts";
import { wholeNamespace } from "../resource.ts";
import { label, list, object, port, text } from "../schema.ts";

/** A reference to a service in Gateway API's shape. */
export interface ServiceRef {
  /** "" or "core"; default "". */
  readonly group?: string;
  /** "Service"; default that. */
  readonly kind?: string;
  readonly name: string;
  /** Default: the resource's own. */
  readonly namespace?: string;
  readonly port?: number;
}

/** JSON Schema of a policy's targets: services in the policy's namespace. */
export const targetRefsSchema = list(
  object({ group: { type: "string", maxLength: 253 }, kind: text(63), name: label }, ["name"]),
  64,
);

/** JSON Schema of a reference that may lead into another namespace. */
export const serviceRefSchema = {
  group: { type: "string", maxLength: 253 },
  kind: text(63),
  name: label,
  namespace: label,
  port,
};

/** References must be to services. */
export function checkServiceRef({ group = "", kind = "Service" }: ServiceRef, path: Path): readonly SpecProblem[] {
  if (kind !== "Service") {
    const hint = '{ group: "", kind: Service, name: users }';
    return [problem(path, `is a ${kind}; only services are known here`, hint)];
  }
  if (group !== "" && group !== "core")
    return [problem(path, `has the group "${group}"`, 'group: "" is that of services')];
  return [];
}

/** Keys of the services that a policy applies to: those that it names, else all in its namespace. */
export function targetKeys(targetRefs: readonly ServiceRef[] | undefined, namespace: string): readonly string[] {
  if (!targetRefs) return [wholeNamespace(namespace)];
  return [...new Set(targetRefs.map(({ name }) => serviceKey({ namespace, name })))];
}

/** "users.default.svc.cluster.local:80" */
export function authorityOf({ name, namespace, port: number = DEFAULT_PORT }: ServiceRef, own: string): string {
  return joinHostPort(serviceHost({ namespace: namespace ?? own, name }), number);
}
