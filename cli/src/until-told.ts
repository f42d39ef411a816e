import { exitCodes } from "./errors.ts";

const sameKeystrokeMs = 300;

export interface Told {
  /** Aborts at the first request to stop. */
  readonly signal: AbortSignal;
  /** Settles at the first request to stop. */
  readonly first: Promise<void>;
}

export interface ToldOptions {
  /** A reader that went away is a request to stop too, for commands that have something to take down first. */
  readonly outlivesReader?: boolean;
}

/** Ends the process when its reader goes away (`mesh stat | head`), which is no error. */
export function endWithReader(): void {
  process.stdout.on("error", end);
}

function end(): void {
  process.exit(exitCodes.ok);
}

/**
 * Listens for requests to stop: Ctrl-C, SIGTERM, a closed terminal, a reader that went away. A second Ctrl-C ends
 * the process at once. One keystroke can arrive more than once (from the terminal and from npm), so signals within
 * 300 ms count as one. Without a terminal SIGHUP keeps its default, which nohup relies on.
 */
export function untilTold({ outlivesReader = false }: ToldOptions = {}): Told {
  if (outlivesReader) process.stdout.off("error", end);
  const stop = new AbortController();
  let last = 0;
  const onSignal = (): void => {
    const now = performance.now();
    if (stop.signal.aborted && now - last > sameKeystrokeMs) process.exit(130);
    last = now;
    stop.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  if (process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY) process.on("SIGHUP", onSignal);
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => stop.abort());
  const first = new Promise<void>((resolve) => {
    stop.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  return { signal: stop.signal, first };
}
