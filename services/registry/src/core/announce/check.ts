import { printable } from "@patchbay/model";
import { Refusal } from "./refusal.ts";

/** Throws INVALID_ARGUMENT with the field's path unless the condition holds. */
export function check(condition: boolean, field: string, message: string): void {
  if (!condition) throw new Refusal("invalid", `${field}: ${message}`);
}

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** RFC 1123 label: what may stand between the dots of a name. */
export function isDnsLabel(text: string): boolean {
  return dnsLabel.test(text);
}

export function checkDnsLabel(text: string, field: string): void {
  check(
    isDnsLabel(text),
    field,
    `"${printable(text)}" is not a DNS label (a-z, 0-9 and inner "-", at most 63 characters)`,
  );
}
