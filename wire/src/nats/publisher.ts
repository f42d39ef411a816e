import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import { errorMessage } from "@patchbay/model";
import { EventBusError } from "./event-bus-error.ts";
import { eventHeaders } from "./headers.ts";
import { parsePubAck } from "./pub-ack.ts";
import type { OutgoingEvent, Published } from "./types.ts";

export interface PublisherLimits {
  /** Events sent and not yet acknowledged. */
  readonly window: number;
  /** Events that wait for a place in the window. */
  readonly waiting: number;
  /** Bytes of all of them. */
  readonly bytes: number;
  /** From publish() to the acknowledgement. */
  readonly deadlineMs: number;
}

export const PUBLISHER_LIMITS: PublisherLimits = {
  window: 512,
  waiting: 8192,
  bytes: 64 * 1024 * 1024,
  deadlineMs: 5000,
};

interface Pending {
  readonly event: OutgoingEvent;
  readonly headers: MsgHdrs;
  readonly deadline: number;
  resolve(published: Published): void;
  reject(error: EventBusError): void;
  /** JetStream said "not just now": sent again by the next sweep. */
  again: boolean;
}

// Deadlines are looked at this often, so an event may take this much longer to fail.
const SWEEP_MS = 100;

/**
 * Publishes to JetStream with its own correlation of acknowledgements: one subscription for all of them and one timer
 * for all deadlines. A request per event costs ten times as much processor time.
 *
 * All events have the same time to live, so the order of sending is the order of deadlines, and each sweep
 * looks only at the oldest.
 */
export class Publisher {
  readonly #nc: NatsConnection;
  readonly #limits: PublisherLimits;
  readonly #inbox: string;
  readonly #flying = new Map<number, Pending>();
  readonly #waiting: Pending[] = [];
  #waitingHead = 0;
  #bytes = 0;
  #next = 0;
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(nc: NatsConnection, inboxPrefix: string, limits: PublisherLimits) {
    this.#nc = nc;
    this.#limits = limits;
    this.#inbox = `${createInbox(inboxPrefix)}.ack.`;
    nc.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (error === null) this.#answered(message);
      },
    });
  }

  publish(event: OutgoingEvent): Promise<Published> {
    return new Promise((resolve, reject) => {
      const headers = this.#admit(event);
      const deadline = Date.now() + this.#limits.deadlineMs;
      this.#bytes += event.data.length;
      this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
      this.#enqueue({ event, headers, deadline, resolve, reject, again: false });
    });
  }

  /** After a reconnect: what was in flight may be lost; the stream deduplicates by id. */
  resend(): void {
    for (const [id, pending] of this.#flying) this.#send(id, pending);
  }

  /** The server does not let us publish here. */
  denied(subject: string): void {
    const error = new EventBusError("denied", `not allowed to publish to ${subject}`);
    for (const [id, pending] of this.#flying) if (pending.event.subject === subject) this.#finish(id, pending, error);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#sweeper);
    const error = new EventBusError("closed", "the event bus was closed before the event was acknowledged");
    for (const pending of this.#waiting.splice(0).slice(this.#waitingHead)) pending.reject(error);
    for (const pending of this.#flying.values()) pending.reject(error);
    this.#waitingHead = 0;
    this.#flying.clear();
    this.#bytes = 0;
  }

  #admit(event: OutgoingEvent): MsgHdrs {
    if (this.#closed) throw new EventBusError("closed", "the event bus was closed");
    const { waiting, bytes } = this.#limits;
    if (this.#waiting.length - this.#waitingHead >= waiting || this.#bytes + event.data.length > bytes) {
      throw new EventBusError("full", `${waiting} events or ${bytes} bytes wait to be acknowledged: slow down`);
    }
    try {
      return eventHeaders(event);
    } catch (error) {
      throw new EventBusError("stream", `the event's headers are not valid: ${errorMessage(error)}`);
    }
  }

  #enqueue(pending: Pending): void {
    if (this.#flying.size < this.#limits.window) this.#launch(pending);
    else this.#waiting.push(pending);
  }

  #launch(pending: Pending): void {
    const id = this.#next++;
    this.#flying.set(id, pending);
    this.#send(id, pending);
  }

  #send(id: number, pending: Pending): void {
    const { event, headers } = pending;
    pending.again = false;
    try {
      this.#nc.publish(event.subject, event.data, { headers, reply: this.#inbox + id });
    } catch (error) {
      this.#finish(id, pending, new EventBusError("stream", `cannot publish: ${errorMessage(error)}`));
    }
  }

  #answered(message: Msg): void {
    const id = Number(message.subject.slice(this.#inbox.length));
    const pending = this.#flying.get(id);
    if (pending === undefined) return;
    const noResponders = message.headers?.code === 503;
    const result = noResponders ? "unavailable" : parsePubAck(message.data);
    if (result === "unavailable") pending.again = true;
    else this.#finish(id, pending, result);
  }

  #finish(id: number, pending: Pending, result: Published | EventBusError): void {
    this.#flying.delete(id);
    this.#settle(pending, result);
    const next = this.#takeWaiting();
    if (next !== undefined) this.#launch(next);
  }

  #settle(pending: Pending, result: Published | EventBusError): void {
    this.#bytes -= pending.event.data.length;
    if (result instanceof EventBusError) pending.reject(result);
    else pending.resolve(result);
  }

  #takeWaiting(): Pending | undefined {
    const next = this.#waiting[this.#waitingHead];
    if (next === undefined) return undefined;
    this.#waitingHead++;
    // Dropping the head only now and then keeps each step constant.
    if (this.#waitingHead > 1024 || this.#waitingHead === this.#waiting.length) {
      this.#waiting.splice(0, this.#waitingHead);
      this.#waitingHead = 0;
    }
    return next;
  }

  #sweep(): void {
    const now = Date.now();
    for (const [id, pending] of this.#flying) {
      if (pending.deadline <= now) this.#finish(id, pending, late(pending));
      else if (pending.again) this.#send(id, pending);
    }
    while ((this.#waiting[this.#waitingHead]?.deadline ?? Number.POSITIVE_INFINITY) <= now) {
      const pending = this.#takeWaiting();
      if (pending) this.#settle(pending, late(pending));
    }
    if (this.#flying.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}

function late(pending: Pending): EventBusError {
  if (pending.again) {
    return new EventBusError("stream", `no stream takes ${pending.event.subject}, or JetStream is not available`);
  }
  return new EventBusError("timeout", `no acknowledgement for an event to ${pending.event.subject} in time`);
}
