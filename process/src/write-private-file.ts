import { randomUUID } from "node:crypto";
import { link, open, rename, rm } from "node:fs/promises";

/** Replaces a file, readable by this user alone, in one step: readers see the old text or the new one. */
export async function replacePrivateFile(path: string, text: string): Promise<void> {
  const temporary = await writeTemporary(path, text);
  await rename(temporary, path).catch((error: unknown) => removeAndThrow(temporary, error));
}

/**
 * Creates a file, readable by this user alone, complete or not at all.
 * False when another process was first; its file stays.
 */
export async function createPrivateFile(path: string, text: string): Promise<boolean> {
  const temporary = await writeTemporary(path, text);
  try {
    // A hard link is the one call that creates a name for ready content and fails when the name exists.
    await link(temporary, path);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** True for an error of a system call with this code, such as "ENOENT". */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** Nothing is left behind when the disk is full. */
async function writeTemporary(path: string, text: string): Promise<string> {
  const temporary = `${path}.${randomUUID()}`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await removeAndThrow(temporary, error);
  } finally {
    await file.close();
  }
  return temporary;
}

async function removeAndThrow(path: string, error: unknown): Promise<never> {
  await rm(path, { force: true });
  throw error;
}
