import { createBackoff, pause } from "@patchbay/model";
import type { EventBus } from "@patchbay/wire";
import type { ConsumerSource } from "./event-source.ts";
import type { EventWorker } from "./worker.ts";

/** How long a paused consumer is read between two pauses. */
const PROBE_MS = 500;

/** One class: a consumer that is read, unless the handler is broken, and the worker that it is read into. */
export class ConsumerQueue {
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
      ...(this.#unreadable !== undefined ? [`cannot read ${name} events: ${this.#unreadable}`] : []),
      ...(broken !== undefined ? [`on.${name} fails for everything: ${broken}`] : []),
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
      await pause(PROBE_MS, until);
    }
  }
}
