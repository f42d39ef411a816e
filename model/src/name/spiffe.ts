import { isDnsLabel, isDnsSubdomain } from "./dns-label.ts";
import { CLUSTER_DOMAIN, type ServiceRef } from "./service-ref.ts";
import { parseWorkloadName } from "./workload-name.ts";

/** The SPIFFE trust domain of this mesh's certificates. */
export const TRUST_DOMAIN = CLUSTER_DOMAIN;

/** What the SPIFFE ID of a workload says: "spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/NAME", the form of Istio and Linkerd. */
export interface SpiffeId extends ServiceRef {
  readonly trustDomain: string;
}

const SHAPE = /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/;
/** SPIFFE-ID §2.1. */
const DOMAIN = /^[a-z0-9._-]{1,255}$/;
/** SPIFFE-ID §2.2 and §2.4; segments "." and ".." are not looked for, since nothing resolves these paths. */
const ANY_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/[A-Za-z0-9._-]+)+$/;
const MAX_LENGTH = 2_048;

/** Namespace and name are DNS labels, so nothing in them needs escaping. */
export function spiffeId({ namespace, name }: ServiceRef, trustDomain: string = TRUST_DOMAIN): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${name}`;
}

/**
 * Undefined: not the ID of a workload. Names of service accounts of Kubernetes may have dots, which none of ours has; their namespace
 * counts all the same, so that what is denied to a namespace is denied to them.
 */
export function parseSpiffeId(id: string): SpiffeId | undefined {
  const parts = splitSpiffeId(id);
  if (parts === undefined) return undefined;
  const { trustDomain, namespace, name } = parts;
  return DOMAIN.test(trustDomain) && isDnsLabel(namespace) && isDnsSubdomain(name) ? parts : undefined;
}

/** As `parseSpiffeId` without checks of the parts: also for patterns such as "spiffe://cluster.local/ns/web/sa/*". */
export function splitSpiffeId(pattern: string): SpiffeId | undefined {
  const [, trustDomain, namespace, name] = SHAPE.exec(pattern) ?? [];
  return trustDomain === undefined || namespace === undefined || name === undefined
    ? undefined
    : { trustDomain, namespace, name };
}

/** Any SPIFFE ID, a workload's of ours or not. */
export function isSpiffeId(text: string): boolean {
  return text.length <= MAX_LENGTH && ANY_ID.test(text);
}

/** The ID of a caller as people write one: "web", "web.staging" or the ID itself; "": no proof. Undefined: none of these. */
export function readIdentity(text: string): string | undefined {
  if (text === "" || isSpiffeId(text)) return text;
  const workload = parseWorkloadName(text);
  return workload && spiffeId(workload);
}
