/** What a SPIFFE ID of a workload says: spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/NAME. */
export interface SpiffeName {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly name: string;
}

const SPIFFE = /^spiffe:\/\/([a-z0-9._-]{1,255})\/ns\/([a-z0-9-]{1,63})\/sa\/([a-z0-9.-]{1,253})$/;

/** Undefined: not a workload's ID of this form. */
export function parseSpiffeId(id: string): SpiffeName | undefined {
  const match = SPIFFE.exec(id);
  if (match === null) return undefined;
  const [, trustDomain = "", namespace = "", name = ""] = match;
  return { trustDomain, namespace, name };
}

/**
 * The SPIFFE ID among a certificate's alternative names, as node:tls prints them ("URI:spiffe://…, DNS:…").
 * Undefined unless there is exactly one URI, as X.509-SVID §2 demands. A name with odd characters is printed in quotes and could
 * hold a comma: such a certificate is none of ours.
 */
export function spiffeIdOf(subjectAltName = ""): string | undefined {
  if (subjectAltName.includes('"')) return undefined;
  const uris = subjectAltName.split(", ").filter((part) => part.startsWith("URI:"));
  const [only] = uris;
  return uris.length === 1 && only !== undefined ? only.slice("URI:".length) : undefined;
}
