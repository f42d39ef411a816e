import type { JsMsg } from "@nats-io/jetstream";
import { headerMap } from "./headers.ts";
import type { Delivery } from "./types.ts";

// A retry without a delay comes back at once, twelve thousand times a second.
const MIN_RETRY_MS = 10;

/** How answers reach the server. */
export interface AnswerWay {
  /** Sends it, or keeps it until the connection is back. */
  answer(send: () => void): void;
  /** Sends it, or not at all: of use now or never. */
  remark(send: () => void): void;
}

/** Wraps a message of JetStream; headers and position are read only when asked for. */
export class JetStreamDelivery implements Delivery {
  readonly #message: JsMsg;
  readonly #way: AnswerWay;
  #headers: ReadonlyMap<string, string> | undefined;
  #answered = false;

  constructor(message: JsMsg, way: AnswerWay) {
    this.#message = message;
    this.#way = way;
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
    const message: object = this.#message;
    // Every event is asked for this; the library's `info` parses eight more numbers and names.
    if ("reply" in message && typeof message.reply === "string") return deliveryCount(message.reply);
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
    if (!this.#answered) this.#way.remark(() => this.#message.working());
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
    this.#way.answer(send);
  }
}

/**
 * How often a message was delivered, by its reply subject:
 * `$JS.ACK.<stream>.<consumer>.<count>.` and four more, or `$JS.ACK.<domain>.<account>.<stream>.<consumer>.<count>.` and
 * at least four more (nats-io/nats-architecture-and-design, ADR-15).
 */
export function deliveryCount(reply: string): number {
  let dots = 0;
  for (let at = reply.indexOf("."); at >= 0; at = reply.indexOf(".", at + 1)) dots += 1;
  let from = 0;
  for (let token = dots < 10 ? 4 : 6; token > 0; token -= 1) from = reply.indexOf(".", from) + 1;
  return Number(reply.slice(from, reply.indexOf(".", from)));
}
