import type { ChildProcess } from "node:child_process";
import { createBackoff, pause } from "@patchbay/model";
import type { Log } from "@patchbay/wire";

export interface SuperviseOptions {
  readonly name: string;
  readonly spawn: () => ChildProcess;
  /** Ends a child for good when SIGTERM did not. Default: SIGKILL. */
  readonly kill?: (child: ChildProcess) => void;
  readonly log: Log;
}

/** A child that is started again whenever it ends, until it is stopped. */
export interface Supervised {
  readonly name: string;
  /** Process id of the present child; undefined between two. */
  pid(): number | undefined;
  restarts(): number;
  /** How the child ended last; empty when it never did. */
  lastExit(): string;
  /** SIGTERM, and after `graceMs` the end. Settles when the child is gone. */
  stop(graceMs: number): Promise<void>;
}

/** A child that lived this long was healthy: the next wait begins small again. */
const HEALTHY_AFTER_MS = 10_000;

export function supervise(options: SuperviseOptions): Supervised {
  const { name, log } = options;
  const stopping = new AbortController();
  const backoff = createBackoff({ minMs: 100, maxMs: 5_000 });
  let child: ChildProcess | undefined;
  let restarts = 0;
  let lastExit = "";

  const runForEver = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const started = performance.now();
      child = options.spawn();
      lastExit = await exitOf(child);
      child = undefined;
      if (stopping.signal.aborted) return;
      if (performance.now() - started > HEALTHY_AFTER_MS) backoff.reset();
      const waitMs = backoff.next();
      restarts++;
      log.warn({ child: name, restarts, waitMs }, `${name} ended (${lastExit}); starting it again`);
      await pause(waitMs, stopping.signal);
    }
  };
  const ended = runForEver();
  return {
    name,
    pid: () => child?.pid,
    restarts: () => restarts,
    lastExit: () => lastExit,
    async stop(graceMs) {
      stopping.abort();
      const last = child;
      last?.kill("SIGTERM");
      const timer = setTimeout(() => last && (options.kill?.(last) ?? last.kill("SIGKILL")), graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`));
  });
}
