import type { Log } from "../public/log.ts";

export interface StopOptions {
  readonly stop: (reason: string) => Promise<void>;
  readonly log: Log;
}

const signals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Drains and exits with 0 on the first signal; the second one ends at once. */
export function stopOnSignals({ stop, log }: StopOptions): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(130);
    stopping = true;
    log.info(`${signal}: draining`);
    stop(signal).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error("could not stop cleanly", { error });
        process.exit(1);
      },
    );
  };
  for (const signal of signals) process.on(signal, onSignal);
}
