import { DeliverPolicy, type JetStreamManager, type JsMsg } from "@nats-io/jetstream";
import { errorMessage } from "../error-message.ts";
import { EventBusError } from "./event-bus-error.ts";
import { headerMap } from "./headers.ts";
import type { ReplayOptions } from "./types.ts";

const BATCH = 1000;
// Without an event for this long we ask whether there is one left.
const QUIET_MS = 2000;
// Without an event for this long we give up.
const SILENT_MS = 30_000;

/** See EventBus.replay. */
export async function replay(admin: JetStreamManager, options: ReplayOptions): Promise<{ caughtUp: number }> {
  try {
    const { state } = await admin.streams.info(options.stream);
    const beyond = state.messages === 0 || Date.parse(state.last_ts) < options.since.getTime();
    if (!beyond) await readUpTo(state.last_seq, admin, options);
    return { caughtUp: state.last_seq };
  } catch (error) {
    if (error instanceof EventBusError) throw error;
    throw new EventBusError("stream", `cannot replay ${options.stream}: ${errorMessage(error)}`, { cause: error });
  }
}

async function readUpTo(last: number, admin: JetStreamManager, options: ReplayOptions): Promise<void> {
  const { stream, since, subjects } = options;
  const consumer = await admin.jetstream().consumers.get(stream, {
    deliver_policy: DeliverPolicy.StartTime,
    opt_start_time: since.toISOString(),
    ...(subjects === undefined ? {} : { filter_subjects: subjects }),
  });
  try {
    if ((await consumer.info()).num_pending === 0) return;
    const end = Promise.withResolvers<void>();
    let heardAt = Date.now();
    const messages = await consumer.consume({
      max_messages: BATCH,
      callback(message) {
        heardAt = Date.now();
        if (message.seq <= last) pass(message, options, end.reject);
        if (message.seq >= last || message.info.pending === 0) end.resolve();
      },
    });
    const timer = setInterval(() => void checkQuiet().catch(end.reject), QUIET_MS);
    const checkQuiet = async () => {
      const quietMs = Date.now() - heardAt;
      if (quietMs > SILENT_MS) throw new EventBusError("timeout", `no event of ${stream} for ${SILENT_MS} ms`);
      // What was left may have been deleted by the stream's limits.
      if (quietMs >= QUIET_MS && (await pendingOf(consumer)) === 0) end.resolve();
    };
    const aborted = () => end.reject(new EventBusError("closed", "the replay was stopped"));
    options.signal?.addEventListener("abort", aborted, { once: true });
    if (options.signal?.aborted) aborted();
    await end.promise.finally(() => {
      clearInterval(timer);
      options.signal?.removeEventListener("abort", aborted);
      messages.stop();
    });
  } finally {
    await consumer.delete().catch(() => false);
  }
}

async function pendingOf(consumer: { info(): Promise<{ num_pending: number }> }): Promise<number | undefined> {
  // Not to know is no reason to stop: the server may be restarting.
  return consumer.info().then(
    (info) => info.num_pending,
    () => undefined,
  );
}

function pass(message: JsMsg, { since, onMessage }: ReplayOptions, failed: (error: unknown) => void): void {
  const time = Math.floor(message.info.timestampNanos / 1e6);
  // An ordered consumer that starts again before its first event starts at the stream's beginning.
  if (time < since.getTime()) return;
  try {
    onMessage({
      subject: message.subject,
      seq: message.seq,
      time,
      data: message.data,
      headers: headerMap(message.headers),
    });
  } catch (error) {
    failed(error);
  }
}
