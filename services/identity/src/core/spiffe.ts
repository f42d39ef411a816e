/** Who a certificate speaks for, before it has one. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
}

export const TRUST_DOMAIN = "cluster.local";

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Whether a name can stand in a SPIFFE ID as it is; anything else could be read as another's. */
export function isNameable({ namespace, name }: Workload): boolean {
  return dnsLabel.test(namespace) && dnsLabel.test(name);
}

/**
 * spiffe://<trust domain>/ns/<namespace>/sa/<name>, the form that Istio and Linkerd's policies know. Namespace and name are DNS
 * labels, so nothing in them needs escaping (SPIFFE-ID §2.2 allows letters, digits, dots, dashes and underscores).
 */
export function spiffeId({ namespace, name }: Workload, trustDomain: string = TRUST_DOMAIN): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${name}`;
}
