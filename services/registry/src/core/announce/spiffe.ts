/** Whose names this mesh proves. */
export const TRUST_DOMAIN = "cluster.local";

/** The SPIFFE ID by which a namespace's service account is proven. */
export function spiffeId(namespace: string, name: string): string {
  return `spiffe://${TRUST_DOMAIN}/ns/${namespace}/sa/${name}`;
}
