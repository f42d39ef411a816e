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
