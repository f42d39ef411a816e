import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Ends the command. */
  readonly signal?: AbortSignal | undefined;
}

export interface CommandResult {
  /** Undefined: the command does not exist, was ended by a signal, or ran out of time. */
  readonly code: number | undefined;
  /** The last 64 KiB of both streams. */
  readonly output: string;
}

const KEPT_CHARACTERS = 65_536;

/** Runs a command to its end. Never rejects; the command ends with this process. */
export function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const child = spawn(command, args, { env: options.env, stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve) => {
    let output = "";
    const keep = (chunk: string) => {
      output = (output + chunk).slice(-KEPT_CHARACTERS);
    };
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    const stop = () => child.kill("SIGKILL");
    const timer = setTimeout(stop, options.timeoutMs);
    process.once("exit", stop);
    options.signal?.addEventListener("abort", stop);
    if (options.signal?.aborted) stop();
    const end = (code: number | undefined) => {
      clearTimeout(timer);
      process.removeListener("exit", stop);
      options.signal?.removeEventListener("abort", stop);
      resolve({ code, output });
    };
    child.on("error", (error) => {
      output += error.message;
      end(undefined);
    });
    child.on("close", (code) => end(code ?? undefined));
  });
}
