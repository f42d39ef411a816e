import type { NatsConnection } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import type { EventName } from "../model/events.ts";
import { type ConsumerCounts, newCounts } from "./counts.ts";
import { EventConnection, type EventSubscriptionOptions } from "./event-connection.ts";
import { connectionKey, type EventSource, readEventSource } from "./event-source.ts";

/** Reads the plugin's events for as long as it runs, across reconnects to NATS and changes of credentials. */
export interface EventSubscription {
  /** New parameters from the registry; the same ones change nothing. */
  update(nats: NatsConnection): void;
  counts(): ReadonlyMap<EventName, ConsumerCounts>;
  /** Handlers that are running. */
  inFlight(): number;
  /** Why events do not arrive or are not handled, one sentence each. */
  problems(): readonly string[];
  /** Stops reading, gives handlers `ms` to finish, closes. */
  drain(ms: number): Promise<void>;
}

/** Reads nothing until update() has said from where. */
export function createEventSubscription(options: EventSubscriptionOptions): EventSubscription {
  return new Subscription(options);
}

class Subscription implements EventSubscription {
  readonly #options: EventSubscriptionOptions;
  readonly #counts = new Map<EventName, ConsumerCounts>();
  /** Changes are made one after another. */
  #work: Promise<void> = Promise.resolve();
  #source: EventSource | undefined;
  #unavailable = "";
  #connection: EventConnection | undefined;
  #draining = false;

  constructor(options: EventSubscriptionOptions) {
    this.#options = options;
    for (const { name } of options.host.manifest.events) this.#counts.set(name, newCounts());
  }

  update(nats: NatsConnection): void {
    this.#unavailable = nats.unavailable;
    this.#source = nats.unavailable !== "" ? undefined : readEventSource(nats);
    this.#options.onChange();
    this.#work = this.#work.then(() => this.#apply());
  }

  counts(): ReadonlyMap<EventName, ConsumerCounts> {
    return this.#counts;
  }

  inFlight(): number {
    return this.#connection?.inFlight() ?? 0;
  }

  problems(): readonly string[] {
    if (this.#unavailable !== "") return [`no events: ${this.#unavailable}`];
    return this.#connection?.problems() ?? [];
  }

  async drain(ms: number): Promise<void> {
    this.#draining = true;
    await this.#work;
    await this.#connection?.close(ms);
    this.#connection = undefined;
  }

  async #apply(): Promise<void> {
    const source = this.#source;
    if (this.#draining) return;
    const key = source && connectionKey(source);
    if (this.#connection && this.#connection.key !== key) {
      await this.#connection.close(0);
      this.#connection = undefined;
    }
    if (!source || source.consumers.length === 0) return;
    this.#connection ??= new EventConnection(source, this.#options, this.#counts);
    this.#connection.update(source);
  }
}
