import { pause } from "@patchbay/model";
import { fileLockHolder, processAlive, readRunFile, releaseFileLock, takeFileLock } from "@patchbay/process";
import type { Layout } from "./layout.ts";

/** Another mesh uses this state folder. */
export class MeshRunningError extends Error {
  override readonly name = "MeshRunningError";
  readonly pid: number;
  /** Undefined while the other one is still starting. */
  readonly address: string | undefined;

  constructor(pid: number, address: string | undefined) {
    const where = address === undefined || address === "" ? ", and is still starting" : `, at ${address}`;
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
    if (takeFileLock(paths.lock)) return () => releaseFileLock(paths.lock);
    const holder = fileLockHolder(paths.lock);
    if (holder !== undefined && holder > 0 && processAlive(holder))
      throw new MeshRunningError(holder, (await readRunFile(paths.dir))?.address);
    await pause(APART_MS);
  }
  throw new Error(`${paths.lock} changes hands at this moment; try again`);
}
