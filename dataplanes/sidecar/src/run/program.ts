import { spawn } from "node:child_process";
import { constants } from "node:os";
import { spawnSupervised } from "@patchbay/process";

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /**
   * The program keeps the terminal: it stays in the terminal's foreground group, which gets Ctrl-C from the terminal itself.
   * Otherwise it leads a group of its own, and hears only what it is sent.
   */
  readonly foreground: boolean;
}

/** The user's program. Its standard streams are ours, untouched. */
export interface Program {
  /** The exit code; 128 plus the signal's number when a signal ended it; 127 when there is no such program. */
  readonly ended: Promise<number>;
  /** To the program's process group. */
  signal(name: NodeJS.Signals): void;
  /** Ends the group at once. */
  kill(): void;
}

/** Starts the program; however this process ends, the program ends too, unless it owns the terminal. */
export function startProgram({ command, args, env, cwd, foreground }: ProgramOptions): Program {
  if (foreground) return foregroundProgram(command, args, { env, ...(cwd === undefined ? {} : { cwd }) });
  const child = spawnSupervised(command, args, {
    env,
    stdio: ["inherit", "inherit", "inherit"],
    // Out of the terminal's foreground group: Ctrl-C reaches only us, and we drain the program before we pass the signal on.
    detached: true,
    ...(cwd === undefined ? {} : { cwd }),
  });
  return { ended: exitOf(child), signal: (name) => void child.kill(name), kill: () => child.killCommand() };
}

/** When this process is killed the terminal stays with the program, and so do its signals. */
function foregroundProgram(
  command: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd?: string },
): Program {
  const child = spawn(command, args, { ...options, stdio: "inherit" });
  child.once("error", (error: NodeJS.ErrnoException) => {
    process.stderr.write(
      `cannot start ${command}: ${error.code === "ENOENT" ? "no such program on the PATH" : error.message}\n`,
    );
  });
  return {
    ended: exitOf(child),
    // The others have come to it from the terminal already.
    signal: (name) => void (name === "SIGTERM" && child.kill(name)),
    kill: () => void child.kill("SIGKILL"),
  };
}

function exitOf(child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ENOENT" ? 127 : 126));
    child.once("exit", (code, signal) => resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]));
  });
}
