import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sdkVersion } from "../version.ts";
import { buildPackageFiles, readPackageFiles } from "./package-files.ts";
import { type ArchiveFile, tarball } from "./tar.ts";

/** The package root: `sdk/` in the clone, `node_modules/mesh-sdk/` elsewhere. */
const packageRoot = join(import.meta.dirname, "..", "..");
const isClone = import.meta.filename.endsWith(".ts");

/** Name of the packed SDK inside a scaffold. */
export const tarballName = `mesh-sdk-${sdkVersion}.tgz`;

/**
 * This SDK as an npm tarball, for scaffolds while none is published. Built from the clone's sources within a second and kept in
 * `cacheDir` by the hash of what it is made of; an installed package is packed as it is.
 */
export function sdkTarball(cacheDir: string): Uint8Array {
  if (!isClone) return tarball(withPrefix(readPackageFiles(packageRoot)));
  const clone = join(packageRoot, "..");
  const folder = join(cacheDir, "mesh-sdk");
  const path = join(folder, `${hashSources(clone)}.tgz`);
  if (existsSync(path)) return readFileSync(path);
  const packed = tarball(withPrefix(buildPackageFiles(clone)));
  keep(folder, path, packed);
  return packed;
}

/** npm expects everything below one folder. */
function withPrefix(files: readonly ArchiveFile[]): ArchiveFile[] {
  return files.map((file) => ({ ...file, path: `package/${file.path}` }));
}

function hashSources(clone: string): string {
  const hash = createHash("sha256");
  const patterns = [
    "sdk/{src,types,templates,bin}/**/*",
    "sdk/package.json",
    "sdk/README.md",
    "wire/src/**/*",
    "proto/gen/**/*",
  ];
  const files = patterns
    .flatMap((pattern) => globSync(pattern, { cwd: clone, withFileTypes: true }))
    .filter((entry) => entry.isFile());
  for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort())
    hash.update(path).update("\0").update(readFileSync(path));
  return hash.digest("hex").slice(0, 16);
}

/** Written beside and renamed, so that two scaffolders do not read half a file; older ones go. */
function keep(folder: string, path: string, data: Uint8Array): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const old of readdirSync(folder)) rmSync(join(folder, old), { force: true });
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, data);
  renameSync(partial, path);
}
