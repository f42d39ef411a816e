import { mkdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The state folder cannot be used as it is. The message says what to do. */
export class StateError extends Error {
  override readonly name = "StateError";
}

/**
 * The folder of everything that outlives a process: MESH_STATE_DIR, else `$XDG_STATE_HOME/patchbay`, else
 * `~/.local/state/patchbay`. Only a path: it may not exist yet.
 */
export function stateDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env["MESH_STATE_DIR"]) return resolve(env["MESH_STATE_DIR"]);
  const home = env["HOME"] || homedir();
  return join(env["XDG_STATE_HOME"] || join(home, ".local", "state"), "patchbay");
}

/**
 * Creates the folder for this user alone (0700) unless it exists.
 *
 * @throws StateError when others may write into it, because they could replace the keys in it.
 */
export async function ensureStateDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const { mode } = await stat(dir);
  if (process.platform !== "win32" && (mode & 0o022) !== 0) {
    throw new StateError(`other users may write into ${dir}, so its keys prove nothing: run \`chmod 700 ${dir}\``);
  }
}
