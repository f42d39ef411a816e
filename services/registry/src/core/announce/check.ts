import { isDnsLabel, printable } from "@patchbay/model";
import { Refusal } from "./refusal.ts";

/** Throws INVALID_ARGUMENT with the field's path unless the condition holds. */
export function check(condition: boolean, field: string, message: string): void {
  if (!condition) throw new Refusal("invalid", `${field}: ${message}`);
}

export function checkDnsLabel(text: string, field: string): void {
  check(
    isDnsLabel(text),
    field,
    `"${printable(text)}" is not a DNS label (a-z, 0-9 and inner "-", at most 63 characters)`,
  );
}
