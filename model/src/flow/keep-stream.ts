import { type BackoffOptions, createBackoff } from "./backoff.ts";
import type { Clock } from "./clock.ts";

/**
 * What a kept stream is doing. Each state has at most one connection, and a connection ends before the next one begins:
 *
 *     connecting --first message--> open
 *     connecting, open --the connection ends or fails--> waiting
 *     waiting --the backoff is over, or retryNow()--> connecting
 *     any --stop()--> stopped
 */
export type StreamState = "connecting" | "open" | "waiting" | "stopped";

export interface KeepStreamOptions<Message> {
  /** Opens one connection. `signal` aborts when the connection ends for any reason, and when the stream is stopped. */
  connect(signal: AbortSignal): AsyncIterable<Message>;
  /** The next message is read when this has returned or settled. A throw ends the connection. Not called after `stop`. */
  onMessage(message: Message): void | Promise<void>;
  /** The connection is over; undefined: the other side ended it. Before the wait, and not after `stop`, which may be called here. */
  onDown?(error: unknown): void;
  /** Milliseconds to wait after a connection that ended so. Undefined, and by default: what the backoff says. */
  waitMs?(error: unknown): number | undefined;
  /** Waits between two connections. They begin anew after a message. */
  readonly backoff: BackoffOptions;
  readonly clock: Pick<Clock, "pause">;
}

export interface KeptStream {
  state(): StreamState;
  /** Ends the present wait, if there is one: the other side may have moved or come back. */
  retryNow(): void;
  /** Ends the connection and connects no more. */
  stop(): void;
  /** Settles when the stream has stopped and its last connection is over. */
  readonly stopped: Promise<void>;
}

/** Reads a stream, and opens it again whenever it ends, until it is stopped. */
export function keepStream<Message>(options: KeepStreamOptions<Message>): KeptStream {
  const { connect, onMessage, onDown, clock } = options;
  const backoff = createBackoff(options.backoff);
  let state: StreamState = "connecting";
  // Of the present connection or wait.
  let current = new AbortController();
  const isStopped = (): boolean => state === "stopped";

  async function read(signal: AbortSignal): Promise<void> {
    for await (const message of connect(signal)) {
      if (isStopped()) return;
      state = "open";
      backoff.reset();
      await onMessage(message);
    }
  }

  async function run(): Promise<void> {
    for (;;) {
      const error = await read(current.signal).catch((reason: unknown) => reason ?? new Error("the stream failed"));
      current.abort();
      if (isStopped()) return;
      state = "waiting";
      current = new AbortController();
      onDown?.(error);
      if (!isStopped()) await clock.pause(options.waitMs?.(error) ?? backoff.next(), current.signal);
      if (isStopped()) return;
      state = "connecting";
      current = new AbortController();
    }
  }

  return {
    state: () => state,
    retryNow() {
      if (state === "waiting") current.abort();
    },
    stop() {
      state = "stopped";
      current.abort();
    },
    stopped: run(),
  };
}
