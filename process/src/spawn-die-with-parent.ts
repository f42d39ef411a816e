import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { Socket } from "node:net";
import { PARENT_PIPE } from "./exit-with-parent.ts";

type StandardStream = "ignore" | "inherit" | "pipe" | number;

/** How to start a child that dies with this process. */
export interface DieWithParentOptions {
  /** Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Standard input, output and error. Default: nothing, and the last two inherited. */
  readonly stdio?: [StandardStream, StandardStream, StandardStream];
  /** Leads a process group and session, so that Ctrl-C in the terminal does not reach it. */
  readonly detached?: boolean;
}

// The first descriptor after the standard streams.
const PIPE_FD = 3;

/**
 * Starts a child that dies with this process, also when this process is killed: the child holds the other end of a pipe and calls
 * `exitWithParent`. For a program that does not, use `spawnSupervised`.
 * As with node's spawn, failure to start is reported by the child's "error" event.
 */
export function spawnDieWithParent(
  command: string,
  args: readonly string[],
  options: DieWithParentOptions = {},
): ChildProcess {
  const [stdin, stdout, stderr] = options.stdio ?? ["ignore", "inherit", "inherit"];
  const spawnOptions: SpawnOptions = {
    env: { ...(options.env ?? process.env), [PARENT_PIPE]: String(PIPE_FD) },
    stdio: [stdin, stdout, stderr, "pipe"],
    detached: options.detached ?? false,
  };
  if (options.cwd !== undefined) spawnOptions.cwd = options.cwd;
  const child = spawn(command, args, spawnOptions);
  detachPipe(child.stdio[PIPE_FD]);
  return child;
}

// The pipe must neither keep this process alive nor throw when the child ends first.
function detachPipe(pipe: unknown): void {
  if (!(pipe instanceof Socket)) return;
  pipe.on("error", () => undefined);
  pipe.resume();
  pipe.unref();
}
