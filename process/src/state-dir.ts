import { lstat, mkdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/** The state folder cannot be used as it is. The message says what to do. */
export class StateError extends Error {
  override readonly name = "StateError";
}

/**
 * The folder of everything that outlives a process: MESH_STATE_DIR, else `$XDG_STATE_HOME/patchbay`, else
 * `~/.local/state/patchbay`. Only a path: it may not exist yet. A relative XDG_STATE_HOME is ignored, as the XDG Base Directory
 * Specification wants it.
 */
export function stateDir(env: NodeJS.ProcessEnv = process.env): string {
  const { MESH_STATE_DIR: dir = "", XDG_STATE_HOME: base = "", HOME: home = "" } = env;
  if (dir !== "") return resolve(dir);
  return join(isAbsolute(base) ? base : join(home === "" ? homedir() : home, ".local", "state"), "patchbay");
}

/**
 * Creates the folder for this user alone (0700) unless it exists.
 *
 * @throws StateError when another user owns it or may write into it, because they could replace the keys in it.
 */
export async function ensureStateDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const { mode, uid } = await stat(dir);
  // A symbolic link is as good as its owner: who owns it can turn it elsewhere.
  const link = await lstat(dir);
  if (isOfAnotherUser(uid) || isOfAnotherUser(link.uid)) {
    throw new StateError(
      `another user owns ${dir}, so its keys prove nothing: move it away, or choose another folder by MESH_STATE_DIR`,
    );
  }
  if (process.platform !== "win32" && (mode & 0o022) !== 0) {
    throw new StateError(`other users may write into ${dir}, so its keys prove nothing: run \`chmod 700 ${dir}\``);
  }
}

/** Whether a file's owner is not the user that this process runs as. */
export function isOfAnotherUser(uid: number): boolean {
  return process.geteuid !== undefined && uid !== process.geteuid();
}
