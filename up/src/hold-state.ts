import { readFileSync, renameSync, rmSync } from "node:fs";
import { pause } from "@patchbay/model";
import { createPrivateFile, isErrno, processAlive, readRunFile } from "@patchbay/process";
import type { Layout } from "./layout.ts";

/** Another mesh uses this state folder. */
export class MeshRunningError extends Error {
  override readonly name = "MeshRunningError";
  readonly pid: number;
  /** Undefined while the other one is still starting. */
  readonly address: string | undefined;

  constructor(pid: number, address: string | undefined) {
    const where = address ? `, at ${address}` : ", and is still starting";
    super(
      `A mesh is already running for this user: process ${pid}${where}.\n` +
        "Use it (`mesh stat`), stop it (`mesh down`), or start another beside it with its own MESH_STATE_DIR.",
    );
    this.pid = pid;
    this.address = address;
  }
}

/** How often, and how far apart in ms, a lock that changes hands is looked at again. */
const TRIES = 100;
const APART_MS = 10;

/**
 * Takes the state folder for this process; the answer gives it back. Two starts at the same moment cannot both
 * succeed, and what a killed process left is taken over. Throws MeshRunningError.
 */
export async function holdState(paths: Layout): Promise<() => void> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (await take(paths.lock)) return () => release(paths.lock);
    const holder = holderOf(paths.lock);
    if (isAlive(holder)) throw new MeshRunningError(holder, (await readRunFile(paths.dir))?.address);
    await pause(APART_MS);
  }
  throw new Error(`${paths.lock} changes hands at this moment; try again`);
}

/**
 * What a dead process left is replaced only by whoever holds the file beside it: otherwise two could find the same
 * dead one, and the slower one would remove what the faster one has just taken.
 */
async function take(path: string): Promise<boolean> {
  if (await createPrivateFile(path, `${process.pid}\n`)) return true;
  if (!isLeft(path)) return false;
  const claim = `${path}.next`;
  if (!(await take(claim))) return false;
  if (isLeft(path)) {
    renameSync(claim, path);
    return true;
  }
  rmSync(claim, { force: true });
  return false;
}

/** The file is there, and its process is not. */
function isLeft(path: string): boolean {
  const holder = holderOf(path);
  return holder !== undefined && !isAlive(holder);
}

function isAlive(holder: number | undefined): holder is number {
  return holder !== undefined && holder > 0 && processAlive(holder);
}

/** Undefined when the file is gone; 0 when it names nobody. */
function holderOf(path: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10) || 0;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function release(path: string): void {
  if (holderOf(path) === process.pid) rmSync(path, { force: true });
}
