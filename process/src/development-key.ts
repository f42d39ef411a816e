import { randomBytes } from "node:crypto";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureStateDir, isOfAnotherUser, StateError } from "./state-dir.ts";
import { createPrivateFile, isErrno } from "./write-private-file.ts";

const KEY_BYTES = 32;

/** Where the development key of a state folder lies. */
export function developmentKeyPath(dir: string): string {
  return join(dir, "development.key");
}

/**
 * The secret by which components on this machine prove that they belong to the same user. Created (0600) when
 * absent; processes that start together agree on one.
 *
 * @throws StateError when others can read or own the file, when it is a link, or when its content is not a key.
 */
export async function readDevelopmentKey(dir: string): Promise<Uint8Array> {
  await ensureStateDir(dir);
  const path = developmentKeyPath(dir);
  const present = await readKey(path);
  if (present !== undefined) return present;
  await createPrivateFile(path, `${randomBytes(KEY_BYTES).toString("base64url")}\n`);
  const created = await readKey(path);
  if (created === undefined) throw new StateError(`${path} vanished while it was being created: try again`);
  return created;
}

async function readKey(path: string): Promise<Uint8Array | undefined> {
  try {
    const found = await lstat(path);
    if (!found.isFile() || isOfAnotherUser(found.uid)) {
      throw new StateError(
        `${path} is a link or another user's, so it proves nothing: run \`rm ${path}\` to get a new key, then restart the mesh`,
      );
    }
    if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
      throw new StateError(
        `other users can read ${path}, so it proves nothing: run \`rm ${path}\` to get a new key, then restart the mesh`,
      );
    }
    const key = Buffer.from((await readFile(path, "utf8")).trim(), "base64url");
    if (key.length === KEY_BYTES) return new Uint8Array(key);
    throw new StateError(
      `${path} is not a development key: run \`rm ${path}\` to get a new one, then restart the mesh`,
    );
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
