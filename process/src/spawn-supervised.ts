import type { ChildProcess } from "node:child_process";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { type DieWithParentOptions, spawnDieWithParent } from "./spawn-die-with-parent.ts";

/** How to start and end a supervised program. */
export interface SupervisedOptions extends DieWithParentOptions {
  /**
   * The command leads a process group, which is signalled as a whole. Default true. False for a command that reads from the
   * terminal: only a member of the terminal's session may.
   */
  readonly group?: boolean;
  /** Between SIGTERM and SIGKILL when this process is gone. Default 1000 ms. */
  readonly graceMs?: number;
}

/** The supervisor's process: signals sent to it reach the command, and its exit code is the command's. */
export interface SupervisedProcess extends ChildProcess {
  /** Process id of the command itself; undefined when it could not be started. */
  readonly commandPid: Promise<number | undefined>;
  /**
   * SIGKILL to the command and its group. Sent to the supervisor instead, it would orphan the command.
   */
  killCommand(): void;
}

const SUPERVISOR = fileURLToPath(new URL("./supervisor.mjs", import.meta.url));

/**
 * Starts a program that does not call `exitWithParent` (nats-server, a user's program) so that it and its process group die with
 * this process, also when this process is killed. A small Node process supervises it: it forwards signals (TERM, INT, HUP, QUIT,
 * USR1, USR2, WINCH) and exits with the command's exit code or signal; 127 when there is no such program.
 */
export function spawnSupervised(
  command: string,
  args: readonly string[],
  options: SupervisedOptions = {},
): SupervisedProcess {
  const { group = true, graceMs = 1000, ...spawning } = options;
  const supervisor = spawnDieWithParent(
    process.execPath,
    [SUPERVISOR, JSON.stringify({ group, graceMs }), command, ...args],
    spawning,
  );
  const pipe = supervisor.stdio[3];
  return Object.assign(supervisor, {
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
