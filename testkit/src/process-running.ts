import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** True while a process does anything. One that has ended and waits for its parent to notice (a zombie) does not. */
export async function processRunning(pid: number): Promise<boolean> {
  try {
    const { stdout } = await run("ps", ["-o", "stat=", "-p", String(pid)]);
    return !stdout.trim().startsWith("Z");
  } catch {
    return false;
  }
}
