import type { JetStreamManager } from "@nats-io/jetstream";
import { errors, type NatsConnection, type Status } from "@nats-io/nats-core";
import { errorMessage } from "@patchbay/model";
import type { Log } from "../log.ts";
import { startConsumer } from "./consume.ts";
import { EventBusError } from "./event-bus-error.ts";
import { Publisher, type PublisherLimits } from "./publisher.ts";
import { replay } from "./replay.ts";
import { answerRequests, ask } from "./requests.ts";
import type {
  BusStatus,
  ConsumeOptions,
  CoreMessage,
  EventBus,
  OutgoingEvent,
  Published,
  ReplayOptions,
} from "./types.ts";

interface BusOptions {
  readonly inboxPrefix: string;
  readonly log: Log;
  readonly limits: PublisherLimits;
}

const DEFAULT_MAX_PAYLOAD = 1024 * 1024;

/** The event bus over one connection of the NATS client. */
export class NatsEventBus implements EventBus {
  readonly #nc: NatsConnection;
  readonly #admin: JetStreamManager;
  readonly #options: BusOptions;
  readonly #listeners = new Set<(status: BusStatus) => void>();
  readonly #closing = new AbortController();
  #publisher: Publisher | undefined;
  #connected = true;
  #maxPayload: number;

  constructor(nc: NatsConnection, admin: JetStreamManager, options: BusOptions) {
    this.#nc = nc;
    this.#admin = admin;
    this.#options = options;
    this.#maxPayload = nc.info?.max_payload ?? DEFAULT_MAX_PAYLOAD;
    void this.#watch();
  }

  publish(event: OutgoingEvent): Promise<Published> {
    if (this.#closing.signal.aborted) return Promise.reject(new EventBusError("closed", "the event bus was closed"));
    // Made when first needed: plugins that only consume need no inbox for acknowledgements.
    this.#publisher ??= new Publisher(this.#nc, this.#options.inboxPrefix, this.#options.limits);
    return this.#publisher.publish(event);
  }

  async consume(options: ConsumeOptions): Promise<{ stop(): Promise<void> }> {
    const { signal } = this.#closing;
    return startConsumer(this, { ...options, js: this.#admin.jetstream(), log: this.#options.log, closed: signal });
  }

  async replay(options: ReplayOptions): Promise<{ caughtUp: number }> {
    const signals = [this.#closing.signal, ...(options.signal === undefined ? [] : [options.signal])];
    return replay(this, this.#admin, { ...options, signal: AbortSignal.any(signals) });
  }

  admin(): JetStreamManager {
    return this.#admin;
  }

  subscribeRequests(
    subject: string,
    queue: string | undefined,
    handler: (request: CoreMessage) => Promise<Uint8Array | undefined>,
  ): { stop(): void } {
    return answerRequests(this.#nc, { subject, queue, handler, log: this.#options.log });
  }

  request(subject: string, data: Uint8Array, deadlineMs?: number): Promise<Uint8Array> {
    return ask(this.#nc, { subject, data, deadlineMs });
  }

  connected(): boolean {
    return this.#connected;
  }

  maxPayload(): number {
    return this.#maxPayload;
  }

  onStatus(listener: (status: BusStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#publisher?.close();
    // Sends the acknowledgements that are still in the buffer.
    if (this.#connected) await Promise.race([this.#nc.flush().catch(() => undefined), this.#nc.closed()]);
    await this.#nc.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.#nc.status()) this.#note(status);
    this.#connected = false;
    if (this.#closing.signal.aborted) return;
    const reason = errorMessage((await this.#nc.closed()) ?? "it was closed by the client library");
    this.#options.log.error({ reason }, "the connection to NATS ended for good");
    this.#closing.abort();
    this.#publisher?.close();
    this.#tell({ type: "closed", reason });
  }

  #note(status: Status): void {
    const { log } = this.#options;
    if (status.type === "disconnect") {
      this.#connected = false;
      log.warn({ server: status.server }, "lost the connection to NATS; trying again");
      this.#tell({ type: "disconnected", reason: status.server });
    } else if (status.type === "reconnect") {
      this.#connected = true;
      this.#maxPayload = this.#nc.info?.max_payload ?? this.#maxPayload;
      log.info({ server: status.server }, "connected to NATS again");
      this.#publisher?.resend();
      this.#tell({ type: "connected", server: status.server });
    } else if (status.type === "error") this.#failed(status.error);
  }

  #failed(error: Error): void {
    if (!(error instanceof errors.PermissionViolationError)) {
      this.#options.log.warn({ reason: error.message }, "the NATS server reports an error");
      return this.#tell({ type: "error", reason: error.message });
    }
    const { operation, subject } = error;
    this.#options.log.error({ operation, subject }, "the NATS server does not allow this");
    if (operation === "publish") this.#publisher?.denied(subject);
    this.#tell({ type: "denied", operation, subject });
  }

  #tell(status: BusStatus): void {
    for (const listener of this.#listeners) listener(status);
  }
}
