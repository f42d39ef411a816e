import type { RulesFile } from "@patchbay/rules";
import { stringify } from "yaml";

/** The rules as YAML, with a line that says what they are. */
export function rulesYaml(rules: RulesFile): string {
  return `# Made by: mesh slo rules\n${stringify(rules, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}
