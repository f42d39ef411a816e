import type { ChildProcess } from "node:child_process";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { spawnTied, type TiedOptions } from "./spawn-tied.ts";

export interface GuardedOptions extends TiedOptions {
  /**
   * The command leads a process group of its own, which is signalled as a whole. Default true. False for a command
   * that reads from the terminal: only a member of the terminal's session may.
   */
  readonly group?: boolean;
  /** Between SIGTERM and SIGKILL when this process is gone. Default 1000 ms. */
  readonly graceMs?: number;
}

/** The guardian's process: signals sent to it reach the command, and its exit code is the command's. */
export interface GuardedProcess extends ChildProcess {
  /** Process id of the command itself; undefined when it could not be started. */
  readonly commandPid: Promise<number | undefined>;
  /**
   * Ends the command and its group at once. Use it instead of SIGKILL to the guardian, which would leave the command
   * without one.
   */
  killCommand(): void;
}

const GUARDIAN = fileURLToPath(new URL("./guardian.mjs", import.meta.url));

/**
 * Starts a program that knows nothing of us (nats-server, a user's program) so that it and its process group end when
 * this process does, however it does. A small Node process stands in between: it passes on signals (TERM, INT, HUP,
 * QUIT, USR1, USR2, WINCH) and ends with the command's exit code or signal; 127 when there is no such program.
 */
export function spawnGuarded(command: string, args: readonly string[], options: GuardedOptions = {}): GuardedProcess {
  const { group = true, graceMs = 1000, ...tied } = options;
  const guardian = spawnTied(process.execPath, [GUARDIAN, JSON.stringify({ group, graceMs }), command, ...args], tied);
  const pipe = guardian.stdio[3];
  return Object.assign(guardian, {
    commandPid: readPid(pipe),
    killCommand: () => {
      if (pipe instanceof Socket) pipe.write("kill");
    },
  });
}

function readPid(pipe: unknown): Promise<number | undefined> {
  return new Promise((resolve) => {
    if (!(pipe instanceof Socket)) return resolve(undefined);
    pipe.once("data", (text) => resolve(Number(String(text))));
    pipe.once("close", () => resolve(undefined));
  });
}
