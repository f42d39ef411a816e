import { DeliverPolicy, JetStreamApiError, type JetStreamManager, type JsMsg } from "@nats-io/jetstream";
import { createBackoff, errorMessage, pause } from "@patchbay/model";
import { EventBusError } from "./event-bus-error.ts";
import { headerMap } from "./headers.ts";
import type { BusStatus, ReplayOptions } from "./types.ts";

interface Connection {
  onStatus(listener: (status: BusStatus) => void): () => void;
}

interface Progress {
  /** Sequence of the last event that was passed on. */
  seq: number;
  /** When one last came. */
  heardAt: number;
}

const BATCH = 1000;
// Without an event for this long we ask whether there is one left, and begin again after the last one.
const QUIET_MS = 2000;
// Without an event for this long we give up.
const SILENT_MS = 30_000;

/** See EventBus.replay. Survives a restart of the server: goes on after the last event that it passed. */
export async function replay(
  connection: Connection,
  admin: JetStreamManager,
  options: ReplayOptions & { signal: AbortSignal },
): Promise<{ caughtUp: number }> {
  const progress: Progress = { seq: 0, heardAt: Date.now() };
  const backoff = createBackoff({ minMs: 50, maxMs: 1000 });
  let caughtUp: number | undefined;
  while (!options.signal.aborted) {
    try {
      caughtUp ??= await lastOf(admin, options);
      if (caughtUp > progress.seq) await readOn(connection, admin, { ...options, progress, last: caughtUp });
      return { caughtUp };
    } catch (error) {
      if (error instanceof EventBusError) throw error;
      const hopeless = error instanceof JetStreamApiError || Date.now() - progress.heardAt > SILENT_MS;
      const code = error instanceof JetStreamApiError ? "stream" : "timeout";
      const reason = `cannot replay ${options.stream}: ${errorMessage(error)}`;
      if (hopeless) throw new EventBusError(code, reason, { cause: error });
      await pause(backoff.next(), options.signal);
    }
  }
  throw stopped();
}

// The sequence to read up to.
async function lastOf(admin: JetStreamManager, { stream }: ReplayOptions): Promise<number> {
  const { state } = await admin.streams.info(stream);
  return state.messages === 0 ? 0 : state.last_seq;
}

type ReadOptions = ReplayOptions & { signal: AbortSignal; progress: Progress; last: number };

// Resolves at the last event. Rejects when it is better to begin again, with an EventBusError when it is not.
async function readOn(connection: Connection, admin: JetStreamManager, options: ReadOptions): Promise<void> {
  const consumer = await admin.jetstream().consumers.get(options.stream, startOf(options));
  const info = await consumer.info(true);
  if (info.num_pending === 0) return;
  const end = Promise.withResolvers<void>();
  const messages = await consumer.consume({ max_messages: BATCH, callback: (message) => take(message, options, end) });
  const quiet = setInterval(() => {
    if (Date.now() - options.progress.heardAt >= QUIET_MS) end.reject(new Error(`no event for ${QUIET_MS} ms`));
  }, QUIET_MS / 4);
  // The library would look after its consumer only half a minute later.
  const off = connection.onStatus(
    ({ type }) => type === "connected" && end.reject(new Error("the connection was lost")),
  );
  const aborted = () => end.reject(stopped());
  options.signal.addEventListener("abort", aborted, { once: true });
  if (options.signal.aborted) aborted();
  try {
    await end.promise;
  } finally {
    off();
    clearInterval(quiet);
    options.signal.removeEventListener("abort", aborted);
    messages.stop();
    // When this fails, the consumer expires by inactivity.
    void consumer.delete().catch(() => false);
  }
}

function startOf({ since, subjects, progress }: ReadOptions) {
  const start =
    progress.seq === 0
      ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: since.toISOString() }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: progress.seq + 1 };
  return subjects === undefined ? start : { ...start, filter_subjects: subjects };
}

function take(message: JsMsg, options: ReadOptions, end: PromiseWithResolvers<void>): void {
  const { progress, since, last } = options;
  progress.heardAt = Date.now();
  // What was published meanwhile is not part of it; and an ordered consumer that the library begins again before its
  // first event begins at the stream's beginning.
  if (message.seq > progress.seq && message.seq <= last && timeOf(message) >= since.getTime()) {
    progress.seq = message.seq;
    pass(message, options, end);
  }
  if (message.seq >= last || message.info.pending === 0) end.resolve();
}

function pass(message: JsMsg, options: ReadOptions, end: PromiseWithResolvers<void>): void {
  const { stream, onMessage } = options;
  try {
    const { subject, seq, data } = message;
    onMessage({ subject, seq, time: timeOf(message), data, headers: headerMap(message.headers) });
  } catch (error) {
    const reason = `a handler of the replay of ${stream} threw: ${errorMessage(error)}`;
    end.reject(new EventBusError("stream", reason, { cause: error }));
  }
}

function timeOf(message: JsMsg): number {
  return Math.floor(message.info.timestampNanos / 1e6);
}

function stopped(): EventBusError {
  return new EventBusError("closed", "the replay was stopped");
}
