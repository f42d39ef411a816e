import { connectEvents, type EventBus, type Log as WireLog } from "@patchbay/wire";
import type { PluginHost } from "../host/host.ts";
import type { EventName } from "../model/events.ts";
import type { Log } from "../public/log.ts";
import { ConsumerQueue } from "./consumer-queue.ts";
import { type ConsumerCounts, newCounts } from "./counts.ts";
import { type ConsumerSource, connectionKey, type EventSource } from "./event-source.ts";
import { createWorker, type WorkerOptions } from "./worker.ts";

/** The plugin whose events are read, and callbacks for changes and outcomes. */
export interface EventSubscriptionOptions {
  readonly plugin: string;
  readonly host: PluginHost;
  readonly log: Log;
  readonly wireLog: WireLog;
  /** Something that problems() tells has changed. */
  readonly onChange: () => void;
  readonly onOutcome?: (name: EventName, ...outcome: Parameters<NonNullable<WorkerOptions["onOutcome"]>>) => void;
}

/** One connection to NATS with a consumer and a worker per class. */
export class EventConnection {
  readonly key: string;
  readonly #options: EventSubscriptionOptions;
  readonly #counts: Map<EventName, ConsumerCounts>;
  readonly #queues = new Map<EventName, ConsumerQueue>();
  readonly #closed = new AbortController();
  readonly #bus: Promise<EventBus | undefined>;
  #token: string;
  #problem: string | undefined;

  constructor(source: EventSource, options: EventSubscriptionOptions, counts: Map<EventName, ConsumerCounts>) {
    this.key = connectionKey(source);
    this.#options = options;
    this.#counts = counts;
    this.#token = source.token;
    this.#bus = this.#connect(source);
  }

  update(source: EventSource): void {
    this.#token = source.token;
    const wanted = new Map(source.consumers.map((consumer) => [consumer.name, consumer]));
    for (const [name, queue] of this.#queues) {
      if (queue.fits(wanted.get(name))) continue;
      this.#queues.delete(name);
      void queue.close(0);
    }
    for (const consumer of wanted.values()) this.#open(consumer);
  }

  inFlight(): number {
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.worker.inFlight(), 0);
  }

  problems(): string[] {
    const queues = [...this.#queues.values()].flatMap((queue) => queue.problems());
    return this.#problem !== undefined ? [this.#problem, ...queues] : queues;
  }

  async close(ms: number): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close(ms)));
    this.#closed.abort();
    const bus = await this.#bus;
    await bus?.close();
  }

  #open(consumer: ConsumerSource): void {
    const { host, onChange, onOutcome, log } = this.#options;
    const event = host.manifest.events.find(({ name }) => name === consumer.name);
    if (!event || this.#queues.has(consumer.name)) return;
    const counts = this.#counts.get(consumer.name) ?? newCounts();
    this.#counts.set(consumer.name, counts);
    const queue = new ConsumerQueue(consumer, onChange, (onBroken) =>
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
    this.#queues.set(consumer.name, queue);
    void this.#bus.then((bus) => bus && queue.start(bus));
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
