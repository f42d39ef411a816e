import { listenForStop as listenForSignals, type StopRequest } from "@patchbay/process";
import { exitCodes } from "./errors.ts";

export interface StopRequestOptions {
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
 * Listens for requests to stop: Ctrl-C, SIGTERM, a closed terminal, a reader that went away. A second Ctrl-C ends the process at once.
 * Without a terminal SIGHUP keeps its default.
 */
export function listenForStop({ outlivesReader = false }: StopRequestOptions = {}): StopRequest {
  if (outlivesReader) process.stdout.off("error", end);
  const onHangup = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const stop = listenForSignals({ onHangup });
  for (const stream of [process.stdout, process.stderr]) stream.on("error", stop.request);
  return stop;
}
