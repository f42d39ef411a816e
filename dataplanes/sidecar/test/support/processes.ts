import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Process ids below a process, by the portable ps. */
export async function descendants(pid: number): Promise<number[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid="]);
  const parents = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found: number[] = [];
  for (let next = [pid]; next.length > 0; ) {
    next = parents.filter(([, parent]) => parent !== undefined && next.includes(parent)).map(([child]) => child ?? 0);
    found.push(...next);
  }
  return found;
}

/** Empty when it has ended. */
export async function commandOf(pid: number): Promise<string> {
  const { stdout } = await run("ps", ["-o", "command=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
  return stdout;
}
