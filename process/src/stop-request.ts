const SAME_KEYSTROKE_MS = 300;

/** The first request to stop this process. */
export interface StopRequest {
  /** Aborts with it. */
  readonly signal: AbortSignal;
  /** Settles with it. */
  readonly first: Promise<void>;
  /** Requests it from within this process. */
  request(): void;
}

/** Which signals count. */
export interface StopRequestOptions {
  /** Also when the terminal closes. Default: false, which nohup relies on. */
  readonly onHangup?: boolean;
}

/**
 * Listens for SIGTERM and SIGINT. A second one ends the process at once. One keystroke can arrive more than once (from the
 * terminal and from npm), so signals within 300 ms count as one.
 */
export function listenForStop({ onHangup = false }: StopRequestOptions = {}): StopRequest {
  const stop = new AbortController();
  let last = 0;
  const onSignal = (): void => {
    const now = performance.now();
    if (stop.signal.aborted && now - last > SAME_KEYSTROKE_MS) process.exit(130);
    last = now;
    stop.abort();
  };
  for (const name of ["SIGINT", "SIGTERM", ...(onHangup ? ["SIGHUP"] : [])]) process.on(name, onSignal);
  const first = new Promise<void>((resolve) => {
    stop.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  return { signal: stop.signal, first, request: () => stop.abort() };
}
