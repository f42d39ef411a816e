import type { Log } from "../public/log.ts";

/** What a signal stops. */
export interface StopOptions {
  readonly stop: (reason: string) => Promise<void>;
  readonly log: Log;
}

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** A terminal's Ctrl-C reaches a process itself and by its parent: signals so close together are one. */
const SAME_SIGNAL_MS = 500;

/** Drains and exits with 0 on the first signal; a later one ends at once. */
export function stopOnSignals({ stop, log }: StopOptions): void {
  let stoppingSince: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (stoppingSince !== undefined && now - stoppingSince < SAME_SIGNAL_MS) return;
    if (stoppingSince !== undefined) process.exit(130);
    stoppingSince = now;
    log.info(`${signal}: draining`);
    stop(signal).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error("could not stop cleanly", { error });
        process.exit(1);
      },
    );
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
}
