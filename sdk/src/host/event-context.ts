import { inspect } from "node:util";
import type { Log } from "../public/log.ts";
import type { EventContext } from "../public/plugin.ts";
import type { RunLife } from "./handler-runs.ts";
import type { RawEvent } from "./host.ts";

/** What is known of an event beside its data. */
export type EventDelivery = Omit<RawEvent, "name" | "data">;

/** What a handler works with: reads the delivery and makes the signal only when the handler asks. */
export class HandlerContext implements EventContext<never> {
  readonly config: never;
  readonly log: Log;
  readonly #delivery: EventDelivery;
  readonly #life: RunLife;

  /** The one place where a checked configuration takes on the type that the author's schema describes. */
  constructor(plugin: { readonly config: unknown; readonly log: Log }, delivery: EventDelivery, life: RunLife) {
    this.config = plugin.config as never;
    this.log = plugin.log;
    this.#delivery = delivery;
    this.#life = life;
  }

  get signal(): AbortSignal {
    return this.#life.signal;
  }

  get id(): string {
    return this.#delivery.id;
  }

  get subject(): string {
    return this.#delivery.subject;
  }

  get time(): Date {
    return new Date(this.#delivery.time);
  }

  get attempt(): number {
    return this.#delivery.attempt;
  }

  get pending(): number {
    return this.#delivery.pending;
  }

  [inspect.custom](): unknown {
    const { config, id, subject, time, attempt, pending } = this;
    return { config, id, subject, time, attempt, pending };
  }
}
