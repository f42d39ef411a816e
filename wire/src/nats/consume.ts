import type { ConsumerMessages, ConsumerNotification, JetStreamClient } from "@nats-io/jetstream";
import { createBackoff, errorMessage, pause } from "@patchbay/model";
import type { Log } from "../log.ts";
import { type AnswerWay, JetStreamDelivery } from "./delivery.ts";
import type { BusStatus, ConsumeOptions, Delivery } from "./types.ts";

interface ReaderOptions extends ConsumeOptions {
  readonly js: JetStreamClient;
  readonly log: Log;
  readonly closed: AbortSignal;
}

interface Connection {
  connected(): boolean;
  onStatus(listener: (status: BusStatus) => void): () => void;
}

// A silent consumer is noticed after two of these; asking for less would cost the server more.
const IDLE_HEARTBEAT_MS = 5000;
const PULL_MS = 30_000;
// What comes back when the owner's callback throws.
const FAULT_RETRY_MS = 1000;

/** Reads a durable consumer until stop(), across lost connections, servers and consumers. */
export function startConsumer(connection: Connection, options: ReaderOptions): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const signal = AbortSignal.any([stopped.signal, options.closed]);
  const reader = new Reader(connection, options, signal);
  const running = reader.run();
  return {
    async stop() {
      stopped.abort();
      await running;
    },
  };
}

class Reader {
  readonly #connection: Connection;
  readonly #options: ReaderOptions;
  readonly #signal: AbortSignal;
  readonly #backoff = createBackoff({ minMs: 100, maxMs: 1000 });
  // Answers given while there was no connection: sent after it is back, so that little comes twice.
  readonly #late: (() => void)[] = [];
  readonly #way: AnswerWay = {
    answer: (send) => this.#answer(send),
    remark: (send) => this.#connection.connected() && attempt(send),
  };
  #problem: string | undefined;

  constructor(connection: Connection, options: ReaderOptions, signal: AbortSignal) {
    this.#connection = connection;
    this.#options = options;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const off = this.#connection.onStatus((status) => status.type === "connected" && this.#sendLate());
    while (!this.#signal.aborted) {
      try {
        await this.#read();
      } catch (error) {
        this.#report(errorMessage(error));
      }
      await pause(this.#backoff.next(), this.#signal);
    }
    off();
  }

  // Until the consumer shows that it is gone, or stop.
  async #read(): Promise<void> {
    const { js, stream, consumer: name, concurrency } = this.#options;
    const consumer = await js.consumers.get(stream, name);
    if (this.#signal.aborted) return;
    const messages = await consumer.consume({
      max_messages: concurrency,
      expires: PULL_MS,
      idle_heartbeat: IDLE_HEARTBEAT_MS,
      // The library would otherwise wait up to 30 s after a reconnect that finds JetStream not ready; we ask ourselves.
      bind: true,
      callback: (message) => this.#deliver(new JetStreamDelivery(message, this.#way)),
    });
    const stop = () => messages.stop();
    this.#signal.addEventListener("abort", stop, { once: true });
    // Stopped meanwhile: an aborted signal tells nobody any more.
    if (this.#signal.aborted) stop();
    try {
      this.#report(undefined);
      await this.#follow(messages);
    } finally {
      this.#signal.removeEventListener("abort", stop);
      messages.stop();
    }
  }

  async #follow(messages: ConsumerMessages): Promise<void> {
    for await (const notification of messages.status()) {
      const problem = problemOf(notification);
      if (problem !== undefined) throw new Error(problem);
      if (notification.type === "heartbeat") this.#backoff.reset();
    }
    const error = await messages.closed();
    if (error instanceof Error) throw error;
  }

  #deliver(message: Delivery): void {
    this.#backoff.reset();
    try {
      this.#options.onMessage(message);
    } catch (error) {
      this.#options.log.error({ subject: message.subject, reason: errorMessage(error) }, "a handler of events threw");
      message.retry(FAULT_RETRY_MS);
    }
  }

  #answer(send: () => void): void {
    if (this.#connection.connected()) return attempt(send);
    // No more than were delivered, so never more than the consumer lets out; the rest comes again anyway.
    if (this.#late.length < this.#options.concurrency * 4) this.#late.push(send);
  }

  #sendLate(): void {
    for (const send of this.#late.splice(0)) attempt(send);
  }

  #report(problem: string | undefined): void {
    if (problem === this.#problem || this.#signal.aborted) return;
    this.#problem = problem;
    const { stream, consumer, log } = this.#options;
    if (problem === undefined) log.info({ stream, consumer }, "reading events");
    else log.warn({ stream, consumer, reason: problem }, "cannot read events; trying again");
    this.#options.onProblem?.(problem);
  }
}

function problemOf(notification: ConsumerNotification): string | undefined {
  switch (notification.type) {
    case "consumer_deleted":
      return "the consumer was deleted";
    case "consumer_not_found":
    case "stream_not_found":
      return `${notification.name} does not exist`;
    case "no_responders":
      return "JetStream is not available";
    case "heartbeats_missed":
      return "the server fell silent";
    case "exceeded_limits":
      return notification.description;
    default:
      return undefined;
  }
}

// The connection may have closed for good; then the event is redelivered.
function attempt(send: () => void): void {
  try {
    send();
  } catch {
    // Nothing to do: see above.
  }
}
