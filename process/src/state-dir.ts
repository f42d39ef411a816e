import { lstat, mkdir, stat } from "node:fs/promises";

/** The state folder cannot be used as it is. The message says what to do. */
export class StateError extends Error {
  override readonly name = "StateError";
}

/**
 * Creates the folder for this user alone (0700) unless it exists.
 *
 * @throws StateError when another user owns it or may write into it, because they could replace the keys in it.
 */
export async function ensureStateDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const { mode, uid } = await stat(dir);
  // The owner of a symbolic link can point it elsewhere.
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
