import { type Delivery, readCloudEvent } from "@patchbay/wire";
import type { RawEvent } from "../host/host.ts";
import type { EventName } from "../model/events.ts";

/** An event as the stream delivered it; reads of its headers and its place what is asked for, when it is asked for. */
export class DeliveredEvent implements RawEvent {
  readonly name: EventName;
  readonly attempt: number;
  readonly #delivery: Delivery;

  constructor(name: EventName, delivery: Delivery, attempt: number) {
    this.name = name;
    this.attempt = attempt;
    this.#delivery = delivery;
  }

  get id(): string {
    const { headers, seq } = this.#delivery;
    return readCloudEvent(headers)?.id ?? headers.get("Nats-Msg-Id") ?? `${this.name}:${seq}`;
  }

  get subject(): string {
    return this.#delivery.subject;
  }

  get time(): number {
    return readCloudEvent(this.#delivery.headers)?.time.getTime() ?? this.#delivery.time;
  }

  get data(): Uint8Array {
    return this.#delivery.data;
  }

  get pending(): number {
    return this.#delivery.pending;
  }
}
