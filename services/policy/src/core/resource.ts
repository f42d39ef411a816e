import type { Origin } from "@patchbay/proto/mesh/common/v1/origin_pb";

/** A resource of one of this service's kinds, as the file has it; the spec fits the kind's schema and checks. */
export interface PolicyResource<Spec = unknown> {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly creationTimestamp?: string;
  };
  readonly spec: Spec;
  readonly origin: Origin;
}

/** The key for all services of a namespace; no service has this name. */
export function wholeNamespace(namespace: string): string {
  return `${namespace}/*`;
}

/** "AuthorizationPolicy production/no-staging" */
export function resourceName({ kind, metadata: { namespace, name } }: PolicyResource): string {
  return `${kind} ${namespace}/${name}`;
}
