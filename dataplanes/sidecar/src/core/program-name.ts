import { isDnsLabel } from "@patchbay/model";
/** A DNS label for a program that has no service name: "/usr/bin/Python3.11" is "python3-11". */
export function programName(command: string): string {
  const base = command.split(/[/\\]/).at(-1) ?? "";
  const label = base
    .toLowerCase()
    .replace(/\.(exe|cmd|bat|js|mjs|cjs|ts|py|sh)$/, "")
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, "");
  return label === "" ? "program" : label;
}

/** A service's name is a DNS label, since it is asked for as one. */
export function isServiceName(name: string): boolean {
  return isDnsLabel(name);
}
