import { execFile } from "node:child_process";
import { basename } from "node:path";
import { promisify } from "node:util";
import { processAlive } from "@patchbay/process";

const run = promisify(execFile);
const LOOK_MS = 300;
const SHELLS = new Set(["sh", "bash", "dash", "zsh", "ash", "busybox"]);

/**
 * Under `npm run`: ends this process by SIGTERM when that npm is gone. npm does not pass every signal on, and may be killed;
 * what it started would stay. npm may have put a shell in between, so the shell's parent is watched too.
 */
export async function exitWithNpm(): Promise<void> {
  if (process.env.npm_lifecycle_event === undefined || process.platform === "win32") return;
  const parent = process.ppid;
  const above = await parentOfShell(parent);
  const timer = setInterval(() => {
    if (process.ppid === parent && (above === undefined || processAlive(above))) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, LOOK_MS);
  timer.unref();
}

/** Undefined when the process is no shell, and so npm itself, or `ps` is missing. */
async function parentOfShell(pid: number): Promise<number | undefined> {
  try {
    const { stdout } = await run("ps", ["-o", "ppid=,comm=", "-p", String(pid)]);
    const [, parent, command = ""] = /^\s*(\d+)\s+(.*)$/m.exec(stdout) ?? [];
    const isShell = SHELLS.has(basename(command.trim()).replace(/^-/, ""));
    return isShell && Number(parent) > 1 ? Number(parent) : undefined;
  } catch {
    return undefined;
  }
}
