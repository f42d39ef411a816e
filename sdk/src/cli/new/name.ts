import { isPluginName } from "../../model/definition-check.ts";
import { CliError } from "../cli-error.ts";

/** A plugin's name, or a CliError that proposes one. */
export function checkName(name: string): string {
  if (isPluginName(name)) return name;
  const rule = "lower-case letters, digits and dashes, beginning with a letter, at most 63";
  const proposal = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^[^a-z]+|-+$/g, "")
    .slice(0, 63);
  const how = isPluginName(proposal) ? `; "${proposal}" would do` : "";
  throw new CliError(`"${name}" will not do as a plugin's name (${rule})${how}`, 2);
}
