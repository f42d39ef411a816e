import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { processAlive, readRunFile } from "@patchbay/wire";
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

/**
 * Takes the state folder for this process; the answer gives it back. Two starts at the same moment cannot both
 * succeed, and what a killed process left is taken over. Throws MeshRunningError.
 */
export async function holdState(paths: Layout): Promise<() => void> {
  // Twice: the second time after taking away what a dead process left.
  for (const _attempt of [1, 2]) {
    if (take(paths.lock)) return () => release(paths.lock);
    const holder = holderOf(paths.lock);
    if (holder !== undefined && processAlive(holder)) {
      throw new MeshRunningError(holder, (await readRunFile(paths.dir))?.address);
    }
    rmSync(paths.lock, { force: true });
  }
  throw new Error(`${paths.lock} changes hands at this moment; try again`);
}

function take(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}\n`, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function holderOf(path: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10) || undefined;
  } catch {
    return undefined;
  }
}

function release(path: string): void {
  if (holderOf(path) === process.pid) rmSync(path, { force: true });
}
