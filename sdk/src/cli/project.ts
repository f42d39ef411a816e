import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { isRecord } from "../model/record.ts";
import { CliError } from "./cli-error.ts";

const USUAL_ENTRIES = ["src/plugin.ts", "src/plugin.js", "plugin.ts", "plugin.js"];

/** The file whose default export is the plugin: the one that was given, else the usual one. */
export function findEntry(given: string | undefined): string {
  const candidates = given ? [given] : USUAL_ENTRIES;
  const found = candidates.map((path) => resolve(path)).find((path) => existsSync(path));
  if (found) return found;
  const looked = candidates.map((path) => relative(process.cwd(), resolve(path)));
  throw new CliError(`there is no ${looked[0]} here; run this in the plugin's folder, or name its file`, 2);
}

/**
 * Arguments by which Node runs any TypeScript: tsx, when the project has it. Without it Node's own erasing of types has to do.
 */
export function loaderArguments(folder: string = process.cwd()): string[] {
  const tsx = resolveFrom(folder, "tsx");
  return tsx ? ["--import", pathToFileURL(tsx).href] : ["--disable-warning=ExperimentalWarning"];
}

/** The same for this process, from now on. */
export async function registerLoader(folder: string = process.cwd()): Promise<void> {
  const path = resolveFrom(folder, "tsx/esm/api");
  const loader: unknown = path && (await import(pathToFileURL(path).href));
  if (isRecord(loader) && typeof loader.register === "function") Reflect.apply(loader.register, undefined, []);
}

function resolveFrom(folder: string, name: string): string | undefined {
  try {
    return createRequire(join(folder, "package.json")).resolve(name);
  } catch {
    return undefined;
  }
}
