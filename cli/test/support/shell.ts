import { spawn } from "node:child_process";
import { once } from "node:events";
import { eventually } from "@patchbay/testkit";

export interface ShellOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line that goes on running, such as a server. */
export interface Background extends AsyncDisposable {
  /** Standard output and error so far. */
  text(): string;
}

/** Runs a command line as a person types it, to its end. */
export async function runShell(line: string, { cwd, env }: ShellOptions): Promise<Ran> {
  const child = spawn("bash", ["-c", line], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

/** Starts a command line in a process group of its own, and waits until it has printed what `ready` matches. Ends it by Ctrl-C. */
export async function startShell(line: string, ready: RegExp, { cwd, env }: ShellOptions): Promise<Background> {
  const child = spawn("bash", ["-c", line], { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close");
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  }
  const { pid } = child;
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && pid !== undefined) process.kill(-pid, "SIGINT");
    await closed;
  };
  try {
    await eventually(() => {
      if (child.exitCode !== null) throw new Error(`"${line}" ended with code ${child.exitCode}:\n${text}`);
      if (!ready.test(text)) throw new Error(`"${line}" has not printed ${ready}, but:\n${text}`);
      return true;
    }, 120_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { text: () => text, [Symbol.asyncDispose]: stop };
}
