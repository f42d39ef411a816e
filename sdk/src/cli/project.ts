import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { isRecord } from "@patchbay/model";
import { CliError } from "./cli-error.ts";

const USUAL_ENTRIES = ["src/plugin.ts", "src/plugin.js", "plugin.ts", "plugin.js"];

/** The file whose default export is the plugin: the given one, else the first usual one that exists. */
export function findEntry(given: string | undefined): string {
  const candidates = given === undefined || given === "" ? USUAL_ENTRIES : [given];
  const found = candidates.map((path) => resolve(path)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  const looked = candidates.map((path) => relative(process.cwd(), resolve(path)));
  throw new CliError(`there is no ${looked[0]} here; run this in the plugin's folder, or name its file`, 2);
}

/** Node's arguments for running TypeScript: tsx when the project has it, otherwise Node's own type stripping. */
export function loaderArguments(folder: string = process.cwd()): string[] {
  const tsx = resolveFrom(folder, "tsx");
  return tsx === undefined ? ["--disable-warning=ExperimentalWarning"] : ["--import", pathToFileURL(tsx).href];
}

/** Registers the same loader in this process. */
export async function registerLoader(folder: string = process.cwd()): Promise<void> {
  const path = resolveFrom(folder, "tsx/esm/api");
  const loader: unknown = path !== undefined && (await import(pathToFileURL(path).href));
  if (isRecord(loader) && typeof loader.register === "function") Reflect.apply(loader.register, undefined, []);
}

function resolveFrom(folder: string, name: string): string | undefined {
  try {
    return createRequire(join(folder, "package.json")).resolve(name);
  } catch {
    return undefined;
  }
}
