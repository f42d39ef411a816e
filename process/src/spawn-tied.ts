import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { PARENT_PIPE } from "./exit-with-parent.ts";

type StandardStream = "ignore" | "inherit" | "pipe" | number;

export interface TiedOptions {
  /** Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Standard input, output and error. Default: nothing, and the last two inherited. */
  readonly stdio?: [StandardStream, StandardStream, StandardStream];
  /** Leads a process group (and session) of its own, so that Ctrl-C in the terminal does not reach it. */
  readonly detached?: boolean;
}

// The first descriptor after the standard streams.
const PIPE_FD = 3;

/**
 * Starts a child that can end with this process, however this process ends: the child holds the other end of a pipe
 * and calls exitWithParent. For a program that does not, use spawnGuarded.
 * As with node's spawn, failure to start is reported by the child's "error" event.
 */
export function spawnTied(command: string, args: readonly string[], options: TiedOptions = {}): ChildProcess {
  const [stdin, stdout, stderr] = options.stdio ?? ["ignore", "inherit", "inherit"];
  const spawnOptions: SpawnOptions = {
    env: { ...(options.env ?? process.env), [PARENT_PIPE]: String(PIPE_FD) },
    stdio: [stdin, stdout, stderr, "pipe"],
    detached: options.detached ?? false,
  };
  if (options.cwd !== undefined) spawnOptions.cwd = options.cwd;
  const child = spawn(command, args, spawnOptions);
  loosen(child.stdio[PIPE_FD]);
  return child;
}

// The pipe must neither keep this process alive nor throw when the child ends first.
function loosen(pipe: unknown): void {
  if (!isSocketLike(pipe)) return;
  pipe.on("error", () => undefined);
  pipe.resume();
  pipe.unref();
}

function isSocketLike(value: unknown): value is import("node:net").Socket {
  return typeof value === "object" && value !== null && "unref" in value && "resume" in value;
}
