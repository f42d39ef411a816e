import { readdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join, parse } from "node:path";
import { createInterface } from "node:readline/promises";
import { readRunFile, stateDir } from "@patchbay/process";
import { layout } from "@patchbay/up/layout";
import { Command } from "commander";
import { CliError } from "../errors.ts";
import { type OutputOption, outputOption, print, printJson } from "../output/output.ts";

interface CleanOptions extends OutputOption {
  readonly yes?: true;
}

export function cleanCommand(): Command {
  return new Command("clean")
    .description("remove everything the mesh keeps on this machine")
    .option("-y, --yes", "do not ask")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh clean
  mesh clean --yes

Removes the state folder: keys and certificates, events, logs, installed tools,
launchers, and your resource files in it. Refuses while a mesh is running.`,
    )
    .action(clean);
}

async function clean(options: CleanOptions): Promise<void> {
  const dir = stateDir();
  const run = await readRunFile(dir);
  if (run) throw new CliError(`A mesh is running (process ${run.pid}). Stop it first: mesh down`);
  const entries = await readdir(dir).catch(() => undefined);
  if (!entries) return report({ dir, removed: false }, options);
  checkOurs(dir, entries);
  if (!options.yes && !(await confirmed(`Remove ${dir} and all that is in it? [y/N] `))) {
    throw new CliError("Nothing was removed.");
  }
  await rm(dir, { recursive: true, force: true });
  report({ dir, removed: true }, options);
}

/** MESH_STATE_DIR may point anywhere: a folder is removed only when the mesh made it. */
function checkOurs(dir: string, entries: readonly string[]): void {
  const isPrecious = dir === homedir() || dir === parse(dir).root;
  if (!isPrecious && (entries.length === 0 || entries.includes("format"))) return;
  throw new CliError(
    `${dir} does not look like the mesh's state folder (no file ${join(dir, "format")}), so nothing was removed.\n` +
      "Is MESH_STATE_DIR right? If so, remove the folder by hand.",
  );
}

async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new CliError("Nobody can be asked here. Say it with --yes.");
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await prompt.question(question)).trim());
  } finally {
    prompt.close();
  }
}

function report(result: { dir: string; removed: boolean }, { output }: CleanOptions): void {
  if (output === "json") printJson(result);
  else print(result.removed ? `Removed ${layout(result.dir).dir}.` : `There is nothing at ${result.dir}.`);
}
