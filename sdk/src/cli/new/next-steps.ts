import { relative } from "node:path";
import { DECISION_HOOKS, HOOK_KINDS } from "@patchbay/model";

/** What was made. */
export interface Made {
  readonly name: string;
  readonly kind: string;
  readonly folder: string;
  readonly installed: boolean;
}

/** The commands to type next, one a line. */
export function nextSteps({ name, kind, folder, installed }: Made): string {
  const path = relative(process.cwd(), folder);
  const steps = [`cd ${path === "" ? "." : path}`, ...(installed ? [] : ["npm install"]), "npm run dev"];
  const then = kind === "resolver" ? `mesh run -- curl http://hello.${name}/` : "mesh plugins";
  return `\nNext:\n${steps.map((step) => `  ${step}\n`).join("")}\nand, in another terminal, with the mesh running:\n  ${then}\n${afterwards(kind)}`;
}

/** Hooks that decide are asked only when a policy says so. */
function afterwards(kind: string): string {
  if (!DECISION_HOOKS.some((hook) => HOOK_KINDS[hook].template === kind)) return "";
  return "It is asked as soon as a policy names it: README.md has one to try.\n";
}
