import { connectEvents, type EventBus } from "@patchbay/wire";
import type { EventName } from "../model/events.ts";
import { Lane } from "./consumer-queue.ts";
import { type ConsumerCounts, newCounts } from "./counts.ts";
import { type ConsumerSource, connectionKey, type EventSource } from "./event-source.ts";
import type { IntakeOptions } from "./subscription-options.ts";
import { createWorker } from "./worker.ts";

/** One connection to NATS with a consumer and a worker per class. */
export class EventConnection {
  readonly key: string;
  readonly #options: IntakeOptions;
  readonly #counts: Map<EventName, ConsumerCounts>;
  readonly #lanes = new Map<EventName, Lane>();
  readonly #closed = new AbortController();
  readonly #bus: Promise<EventBus | undefined>;
  #token: string;
  #problem: string | undefined;

  constructor(source: EventSource, options: IntakeOptions, counts: Map<EventName, ConsumerCounts>) {
    this.key = connectionKey(source);
    this.#options = options;
    this.#counts = counts;
    this.#token = source.token;
    this.#bus = this.#connect(source);
  }

  update(source: EventSource): void {
    this.#token = source.token;
    const wanted = new Map(source.consumers.map((consumer) => [consumer.name, consumer]));
    for (const [name, lane] of this.#lanes) {
      if (lane.fits(wanted.get(name))) continue;
      this.#lanes.delete(name);
      void lane.close(0);
    }
    for (const consumer of wanted.values()) this.#open(consumer);
  }

  inFlight(): number {
    return [...this.#lanes.values()].reduce((sum, lane) => sum + lane.worker.inFlight(), 0);
  }

  problems(): string[] {
    const lanes = [...this.#lanes.values()].flatMap((lane) => lane.problems());
    return this.#problem !== undefined ? [this.#problem, ...lanes] : lanes;
  }

  async close(ms: number): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close(ms)));
    this.#closed.abort();
    const bus = await this.#bus;
    await bus?.close();
  }

  #open(consumer: ConsumerSource): void {
    const { host, onChange, onOutcome, log } = this.#options;
    const event = host.manifest.events.find(({ name }) => name === consumer.name);
    if (!event || this.#lanes.has(consumer.name)) return;
    const counts = this.#counts.get(consumer.name) ?? newCounts();
    this.#counts.set(consumer.name, counts);
    const lane = new Lane(consumer, onChange, (onBroken) =>
      createWorker({
        event,
        ackWaitMs: consumer.ackWaitMs,
        maxDeliver: consumer.maxDeliver,
        deliver: (raw, signal) => host.deliver(raw, signal),
        onBroken,
        onOutcome: (outcome, tookMs) => onOutcome?.(consumer.name, outcome, tookMs),
        log,
        counts,
      }),
    );
    this.#lanes.set(consumer.name, lane);
    void this.#bus.then((bus) => bus && lane.start(bus));
  }

  async #connect(source: EventSource): Promise<EventBus | undefined> {
    try {
      const bus = await connectEvents({
        servers: [...source.servers],
        name: this.#options.plugin,
        token: () => this.#token,
        inboxPrefix: source.inboxPrefix,
        apiPrefix: source.apiPrefix,
        log: this.#options.wireLog,
        signal: this.#closed.signal,
      });
      this.#follow(bus);
      return bus;
    } catch {
      // Only when the plugin stops: every other failure is retried without limit.
      return undefined;
    }
  }

  #follow(bus: EventBus): void {
    bus.onStatus((status) => {
      if (status.type === "denied") {
        this.#options.log.error(`NATS refused a ${status.operation}`, { subject: status.subject });
      }
      if (status.type !== "connected" && status.type !== "disconnected") return;
      this.#problem = status.type === "disconnected" ? `no connection to NATS: ${status.reason}` : undefined;
      this.#options.onChange();
    });
  }
}
