import type { NatsConnection } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { connectEvents, createBackoff, type EventBus, pause, type Log as WireLog } from "@patchbay/wire";
import type { PluginHost } from "../host/host.ts";
import type { EventName } from "../model/events.ts";
import type { Log } from "../public/log.ts";
import { type ConsumerSource, connectionKey, type EventSource, readEventSource } from "./connection.ts";
import { type ConsumerCounts, newCounts } from "./counts.ts";
import { createWorker, type EventWorker, type WorkerOptions } from "./worker.ts";

export interface IntakeOptions {
  readonly plugin: string;
  readonly host: PluginHost;
  readonly log: Log;
  readonly wireLog: WireLog;
  /** Something that problems() tells has changed. */
  readonly onChange: () => void;
  readonly onOutcome?: (name: EventName, ...outcome: Parameters<NonNullable<WorkerOptions["onOutcome"]>>) => void;
}

/** Reads the plugin's events for as long as it runs, whatever happens to NATS and to the credentials. */
export interface EventIntake {
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

export function createIntake(options: IntakeOptions): EventIntake {
  return new Intake(options);
}

class Intake implements EventIntake {
  readonly #options: IntakeOptions;
  readonly #counts = new Map<EventName, ConsumerCounts>();
  /** Changes are made one after another. */
  #work: Promise<void> = Promise.resolve();
  #source: EventSource | undefined;
  #unavailable = "";
  #connection: Connection | undefined;
  #draining = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
    for (const { name } of options.host.manifest.events) this.#counts.set(name, newCounts());
  }

  update(nats: NatsConnection): void {
    this.#unavailable = nats.unavailable;
    this.#source = nats.unavailable ? undefined : readEventSource(nats);
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
    if (this.#unavailable) return [`no events: ${this.#unavailable}`];
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
    this.#connection ??= new Connection(source, this.#options, this.#counts);
    this.#connection.update(source);
  }
}

/** One connection to NATS with a consumer and a worker per class. */
class Connection {
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
    return this.#problem ? [this.#problem, ...lanes] : lanes;
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
        onOutcome: (...outcome) => onOutcome?.(consumer.name, ...outcome),
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
      // Only because the plugin stopped waiting: everything else is tried for ever.
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

/** One class: a consumer that is read, unless the handler is broken, and the worker that it is read into. */
class Lane {
  readonly worker: EventWorker;
  readonly #consumer: ConsumerSource;
  readonly #onChange: () => void;
  readonly #closed = new AbortController();
  readonly #backoff = createBackoff({ minMs: 1_000, maxMs: 30_000 });
  #unpause = new AbortController();
  #bus: EventBus | undefined;
  #reading: Promise<{ stop(): Promise<void> }> | undefined;
  #unreadable: string | undefined;

  constructor(
    consumer: ConsumerSource,
    onChange: () => void,
    work: (onBroken: (reason: string | undefined) => void) => EventWorker,
  ) {
    this.#consumer = consumer;
    this.#onChange = onChange;
    this.worker = work((reason) => void this.#setBroken(reason));
  }

  fits(consumer: ConsumerSource | undefined): boolean {
    return JSON.stringify(consumer) === JSON.stringify(this.#consumer);
  }

  problems(): string[] {
    const { name } = this.#consumer;
    const broken = this.worker.problem();
    return [
      ...(this.#unreadable ? [`cannot read ${name} events: ${this.#unreadable}`] : []),
      ...(broken ? [`on.${name} fails for everything: ${broken}`] : []),
    ];
  }

  start(bus: EventBus): void {
    this.#bus = bus;
    this.#read();
  }

  async close(ms: number): Promise<void> {
    this.#closed.abort();
    const stopped = this.#stopReading();
    await this.worker.drain(ms);
    await stopped;
  }

  #read(): void {
    if (this.#closed.signal.aborted || this.#reading || !this.#bus) return;
    const { stream, consumer, concurrency } = this.#consumer;
    this.#reading = this.#bus.consume({
      stream,
      consumer,
      concurrency,
      onMessage: (delivery) => this.worker.accept(delivery),
      onProblem: (problem) => {
        this.#unreadable = problem;
        this.#onChange();
      },
    });
  }

  async #stopReading(): Promise<void> {
    const reading = this.#reading;
    this.#reading = undefined;
    await (await reading)?.stop();
  }

  /** Pauses reading; looks again after a growing while, since the events held may be the bad ones. */
  async #setBroken(reason: string | undefined): Promise<void> {
    this.#onChange();
    this.#unpause.abort();
    if (reason === undefined) {
      this.#backoff.reset();
      this.#read();
      return;
    }
    this.#unpause = new AbortController();
    const until = AbortSignal.any([this.#unpause.signal, this.#closed.signal]);
    while (!until.aborted) {
      await this.#stopReading();
      await pause(this.#backoff.next(), until);
      if (until.aborted) return;
      this.#read();
      await pause(probeMs, until);
    }
  }
}

/** How long a paused consumer is read between two pauses. */
const probeMs = 500;
