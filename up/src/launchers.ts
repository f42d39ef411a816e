import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const clone = fileURLToPath(new URL("../..", import.meta.url));

const targets: Readonly<Record<string, string>> = {
  mesh: join(clone, "bin", "mesh.mjs"),
  "mesh-sdk": join(clone, "sdk", "bin", "mesh-sdk.mjs"),
};

/**
 * Writes the commands `mesh` and `mesh-sdk` into `dir`, so that they work outside the clone, where npx would fetch a
 * stranger's package of that name. They use this process's Node and fall back to the one on PATH.
 */
export async function writeLaunchers(dir: string): Promise<void> {
  for (const [name, target] of Object.entries(targets)) {
    const path = join(dir, name);
    await writeFile(path, launcher(name, target), { mode: 0o755 });
    await chmod(path, 0o755);
  }
}

/** The line that puts the launchers on a shell's PATH. */
export function pathLine(dir: string): string {
  return `export PATH=${quote(dir)}:"$PATH"`;
}

function launcher(name: string, target: string): string {
  return `#!/bin/sh
# Written by Patchbay at each start of the mesh.
node=${quote(process.execPath)}
target=${quote(target)}
[ -x "$node" ] || node=node
if [ ! -f "$target" ]; then
  echo "${name}: the clone at ${quote(clone)} is gone; run npm start in its new place" >&2
  exit 1
fi
exec "$node" "$target" "$@"
`;
}

/** A word for a POSIX shell; plain words stay as they are. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
