/** Who a certificate speaks for, before it has one. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
}

export const TRUST_DOMAIN = "cluster.local";

/**
 * spiffe://<trust domain>/ns/<namespace>/sa/<name>, the form that Istio and Linkerd's policies know. Namespace and name are DNS
 * labels, so nothing in them needs escaping (SPIFFE-ID §2.2 allows letters, digits, dots, dashes and underscores).
 */
export function spiffeId({ namespace, name }: Workload, trustDomain: string = TRUST_DOMAIN): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${name}`;
}
