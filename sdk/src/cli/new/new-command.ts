import { relative, resolve } from "node:path";
import { DECISION_HOOKS, HOOK_KINDS } from "@patchbay/model";
import { Command, Option } from "commander";
import { isPluginName } from "../../model/definition-check.ts";
import { CliError } from "../cli-error.ts";
import { ask, choose } from "./ask.ts";
import { installPackages } from "./install.ts";
import { kinds, scaffold } from "./scaffold.ts";

interface NewOptions {
  readonly kind?: string;
  readonly dir?: string;
  readonly install: boolean;
}

/** `mesh-sdk new`: a folder with a plugin that works. */
export function newCommand(): Command {
  return new Command("new")
    .description("make a plugin: at most eight files, a passing test among them")
    .argument("[name]", "the plugin's name: lower-case letters, digits and dashes")
    .addOption(new Option("--kind <kind>", "what it does").choices(Object.keys(kinds)))
    .option("--dir <folder>", "where to put it (default: a folder of that name here)")
    .option("--skip-install", "do not run npm install")
    .option("--no-install", "the same")
    .addHelpText(
      "after",
      `\nKinds:\n${Object.entries(kinds)
        .map(([kind, what]) => `  ${kind.padEnd(10)}${what}`)
        .join("\n")}\n`,
    )
    .action((name: string | undefined, options: NewOptions & { readonly skipInstall?: boolean }) =>
      run(name, { ...options, install: options.install && !options.skipInstall }),
    );
}

async function run(given: string | undefined, options: NewOptions): Promise<void> {
  const name = checkName(given ?? (await ask("Name of the plugin", "my-plugin", "mesh-sdk new NAME --kind resolver")));
  const kind = await chosenKind(options.kind);
  const folder = resolve(options.dir ?? name);
  const files = scaffold({ name, kind, folder });
  process.stdout.write(`Made ${name} in ${folder}:\n${files.map((file) => `  ${file}\n`).join("")}`);
  const installed = options.install && (await installPackages(folder));
  process.stdout.write(nextSteps({ name, kind, folder, installed }));
  if (options.install && !installed) throw new CliError("npm install failed; the folder is whole, run it there again");
}

async function chosenKind(given: string | undefined): Promise<string> {
  const kind = given ?? (await choose("What does it do?", kinds, "mesh-sdk new NAME --kind resolver"));
  if (Object.hasOwn(kinds, kind)) return kind;
  throw new CliError(`there is no kind "${kind}"; there are ${Object.keys(kinds).join(", ")}`, 2);
}

/** A plugin's name, or a CliError that proposes one. */
function checkName(name: string): string {
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

interface Made {
  readonly name: string;
  readonly kind: string;
  readonly folder: string;
  readonly installed: boolean;
}

/** The commands to type next, one a line. */
function nextSteps({ name, kind, folder, installed }: Made): string {
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
