import assert from "node:assert/strict";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { spawnDieWithParent } from "@patchbay/process";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nobody listens there: whatever of the mesh itself takes notice of these variables fails. */
const dead = "http://127.0.0.1:9";
const deadProxies = Object.fromEntries(
  ["http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"].map((name) => [name, dead]),
);

/** `mesh` as a process, for the mesh of a state folder, in an environment whose proxy is dead. */
export function meshCommand(stateDir: string, more: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, ...deadProxies, NODE_USE_ENV_PROXY: "1", MESH_STATE_DIR: stateDir, ...more };
  const start = (...args: string[]) => {
    const child = spawnDieWithParent(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    const { stdout, stderr } = child;
    assert.ok(stdout && stderr);
    return Object.assign(child, { stdout, stderr });
  };
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
