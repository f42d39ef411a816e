import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { HOOK_KINDS } from "@patchbay/model";
import { stateDir } from "@patchbay/process";
import { sdkTarball, tarballName } from "../../pack/sdk-tarball.ts";
import { CliError } from "../cli-error.ts";

const { resolve, ...decisions } = HOOK_KINDS;

/** What can be made, each from the folder templates/KIND, and what it does. */
export const kinds: Readonly<Record<string, string>> = {
  [resolve.template]: resolve.purpose,
  sink: "receives what the mesh's proxies saw",
  ...Object.fromEntries(Object.values(decisions).map(({ template, purpose }) => [template, purpose])),
};

/** What is made, and where. */
export interface ScaffoldOptions {
  readonly name: string;
  /** A key of `kinds`. */
  readonly kind: string;
  readonly folder: string;
}

const templates = join(import.meta.dirname, "..", "..", "..", "templates");

/**
 * Writes the files of a new plugin; returns their paths in the folder. Its SDK is packed into the folder, so that it installs
 * wherever it is taken.
 */
export function scaffold({ name, kind, folder }: ScaffoldOptions): string[] {
  checkFolder(folder);
  const source = join(templates, kind);
  const values = { name, sdk: `file:${tarballName}` };
  const files = readTemplate(source).map((path) => ({
    path: rename(path),
    data: fill(readFileSync(join(source, path), "utf8"), values),
  }));
  const all = [...files, { path: tarballName, data: sdkTarball(join(stateDir(), "tools")) }];
  for (const { path, data } of all) write(join(folder, path), data);
  return all.map(({ path }) => path);
}

function checkFolder(folder: string): void {
  if (!existsSync(folder) || readdirSync(folder).length === 0) return;
  throw new CliError(`${folder} is there already and not empty; choose another name, or another place with --dir`);
}

function readTemplate(source: string): string[] {
  return globSync("**/*", { cwd: source, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(source, join(entry.parentPath, entry.name)))
    .sort();
}

/** npm leaves files named .gitignore out of packages. */
function rename(path: string): string {
  return path === "gitignore" ? ".gitignore" : path;
}

function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{\{(\w+)\}\}/g, (all, key: string) => values[key] ?? all);
}

function write(path: string, data: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, data);
}
