/** RFC 1123 §2.1 label as Kubernetes reads it, in lower case: what namespaces, services and plugins are called. For JSON Schemas. */
export const DNS_LABEL_PATTERN = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";

const DNS_LABEL = new RegExp(DNS_LABEL_PATTERN);

/** "users", "team-1"; without upper case, "_" or "." and at most 63 characters. */
export function isDnsLabel(text: string): boolean {
  return DNS_LABEL.test(text);
}

const MAX_SUBDOMAIN = 253;

/** Labels with dots between them, as names of service accounts in Kubernetes are. */
export function isDnsSubdomain(text: string): boolean {
  return text.length <= MAX_SUBDOMAIN && text.split(".").every(isDnsLabel);
}
