import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Source {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every file that git tracks or would track, relative to the root. */
export function projectFiles(): readonly string[] {
  const list = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"], {
    cwd: root,
  });
  return list.toString().split("\n").filter(Boolean).sort();
}

/** Hand-written TypeScript: neither generated, nor a template that strangers will own. */
export function sources(): readonly Source[] {
  return projectFiles()
    .filter((path) => path.endsWith(".ts") && !/(^|\/)(gen|dist|templates)\//.test(path))
    .flatMap((path) => readSource(path));
}

export function isTest(path: string): boolean {
  return /(^|\/)(test|bench|scripts)\//.test(path) && !path.startsWith("sdk/src/test/");
}

function readSource(path: string): readonly Source[] {
  try {
    return [{ path, text: readFileSync(join(root, path), "utf8") }];
  } catch {
    return []; // tracked, but deleted in the working tree
  }
}
