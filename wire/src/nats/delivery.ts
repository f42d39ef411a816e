import type { JsMsg } from "@nats-io/jetstream";
import { headerMap } from "./headers.ts";
import type { Delivery } from "./types.ts";

// A retry without a delay comes back at once, twelve thousand times a second.
const MIN_RETRY_MS = 10;

/** Wraps a message of JetStream; headers and position are read only when asked for. */
export class JetStreamDelivery implements Delivery {
  readonly #message: JsMsg;
  readonly #answer: (send: () => void) => void;
  #headers: ReadonlyMap<string, string> | undefined;
  #answered = false;

  /** `answer` runs what it is given when the connection can carry it. */
  constructor(message: JsMsg, answer: (send: () => void) => void) {
    this.#message = message;
    this.#answer = answer;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  get headers(): ReadonlyMap<string, string> {
    this.#headers ??= headerMap(this.#message.headers);
    return this.#headers;
  }

  get seq(): number {
    return this.#message.seq;
  }

  get deliveries(): number {
    return this.#message.info.deliveryCount;
  }

  get pending(): number {
    return this.#message.info.pending;
  }

  get time(): number {
    return Math.floor(this.#message.info.timestampNanos / 1e6);
  }

  ack(): void {
    this.#once(() => this.#message.ack());
  }

  working(): void {
    if (!this.#answered) this.#answer(() => this.#message.working());
  }

  retry(delayMs: number): void {
    this.#once(() => this.#message.nak(Math.max(MIN_RETRY_MS, Math.ceil(delayMs))));
  }

  term(reason: string): void {
    // A line break would end the reason in the advisory.
    const line = reason.replaceAll(/\s+/g, " ").slice(0, 1024);
    this.#once(() => this.#message.term(line));
  }

  #once(send: () => void): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#answer(send);
  }
}
