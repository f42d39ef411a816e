import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `mesh` as a process, for the mesh of a state folder. */
export function meshCommand(stateDir: string, more: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, MESH_STATE_DIR: stateDir, ...more };
  const start = (...args: string[]) =>
    spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  return {
    start,
    /** Runs it to its end, for at most 30 s. */
    async run(...args: string[]): Promise<CommandEnd> {
      const child = start(...args);
      const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
      let stdout = "";
      let stderr = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      const [code] = (await once(child, "close")) as [number | null];
      clearTimeout(timer);
      return { code, stdout, stderr };
    },
  };
}
