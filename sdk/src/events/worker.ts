import { type Delivery, pause, readCloudEvent } from "@patchbay/wire";
import type { HandlerResult, RawEvent } from "../host/host.ts";
import type { EventManifest } from "../model/manifest.ts";
import type { Log } from "../public/log.ts";
import { createBreaker } from "./breaker.ts";
import { type ConsumerCounts, newCounts } from "./counts.ts";
import { outcomeOf, retryWaitMs } from "./outcome.ts";
import { createSubjectQueue } from "./subject-queue.ts";

/** Whose events they are, how the stream behaves, and who is told. */
export interface WorkerOptions {
  readonly event: EventManifest;
  readonly ackWaitMs: number;
  /** Deliveries after which an event that still fails is dead. 0: never. */
  readonly maxDeliver: number;
  /** Runs the author's handler once. */
  readonly deliver: (event: RawEvent, signal: AbortSignal) => Promise<HandlerResult>;
  /** The handler is held to be broken (why), or no longer (undefined). */
  readonly onBroken: (reason: string | undefined) => void;
  readonly onOutcome?: (outcome: "handled" | "failed" | "dead", tookMs: number) => void;
  readonly log: Log;
  readonly counts?: ConsumerCounts;
  readonly random?: () => number;
}

/** Takes the events of one class to the author's handler, and their outcome back to the stream. */
export interface EventWorker {
  accept(delivery: Delivery): void;
  readonly counts: ConsumerCounts;
  inFlight(): number;
  /** Why the handler is held to be broken. */
  problem(): string | undefined;
  /** Gives handlers `ms` to finish, then aborts their signals and gives the rest back. */
  drain(ms: number): Promise<void>;
}

/** The longest wait between two tries in place. */
const longestHoldMs = 30_000;
/** An event that is given back when the plugin stops comes again soon, here or at another instance. */
const giveBackMs = 100;

/** Holds events until their outcome is known to the stream. */
export function createWorker(options: WorkerOptions): EventWorker {
  return new Worker(options);
}

class Worker implements EventWorker {
  readonly counts: ConsumerCounts;
  readonly #options: WorkerOptions;
  readonly #breaker = createBreaker();
  readonly #queue = createSubjectQueue();
  readonly #running = new Set<Promise<void>>();
  /** Events in hand: the stream is told of all of them by one timer. */
  readonly #held = new Set<Delivery>();
  readonly #ticker: NodeJS.Timeout;
  readonly #stopped = new AbortController();

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.counts = options.counts ?? newCounts();
    this.#ticker = setInterval(() => this.#tick(), Math.max(50, options.ackWaitMs / 3)).unref();
  }

  inFlight(): number {
    return this.#running.size;
  }

  problem(): string | undefined {
    return this.#breaker.reason();
  }

  accept(delivery: Delivery): void {
    this.counts.received += 1;
    if (delivery.deliveries > 1) this.counts.redelivered += 1;
    const task = this.#hold(delivery).catch((error: unknown) => {
      this.#options.log.error("an event could not be handled", { subject: delivery.subject, error: String(error) });
      delivery.retry(retryWaitMs(delivery.deliveries, this.#options.random));
    });
    this.#running.add(task);
    void task.finally(() => this.#running.delete(task));
  }

  async drain(ms: number): Promise<void> {
    const limit = new AbortController();
    await Promise.race([Promise.all(this.#running), pause(ms, limit.signal)]);
    limit.abort();
    this.#stopped.abort();
    await Promise.all(this.#running);
    clearInterval(this.#ticker);
  }

  /** Tells the stream all the while that the event is in hand, also while it waits for its turn. */
  async #hold(delivery: Delivery): Promise<void> {
    this.#held.add(delivery);
    try {
      if (this.#options.event.ordered) await this.#queue.run(delivery.subject, () => this.#handle(delivery));
      else await this.#handle(delivery);
    } finally {
      this.#held.delete(delivery);
    }
  }

  #tick(): void {
    for (const delivery of this.#held) delivery.working();
  }

  /** Tries until there is an outcome for the stream; in place when the order or a broken handler asks for it. */
  async #handle(delivery: Delivery): Promise<void> {
    const { signal } = this.#stopped;
    let attempt = delivery.deliveries;
    for (let tries = 1; !signal.aborted; tries += 1) {
      const began = performance.now();
      const result = await this.#options.deliver(toRawEvent(this.#options.event.name, delivery, attempt), signal);
      if (signal.aborted && result.status !== "done") break;
      const broken = this.#judge(delivery, result);
      const maxDeliver = broken ? 0 : this.#options.maxDeliver;
      const outcome = outcomeOf(result, { attempt, maxDeliver, ...this.#random() });
      this.#options.onOutcome?.(outcomeName(outcome.status), performance.now() - began);
      if (outcome.status === "acked") return this.#ack(delivery);
      if (outcome.status === "dead") return this.#bury(delivery, outcome.reason);
      this.#warn(delivery, attempt, outcome);
      if (!broken && !this.#options.event.ordered) return this.#giveBack(delivery, outcome.afterMs);
      // A broken handler costs no deliveries: the event is not to blame.
      if (!broken) attempt += 1;
      await pause(broken ? Math.min(retryWaitMs(tries, this.#options.random), longestHoldMs) : outcome.afterMs, signal);
    }
    this.#giveBack(delivery, giveBackMs);
  }

  /** Keeps the breaker; true when the handler is held to be broken. A permanent error is a handler at work. */
  #judge(delivery: Delivery, result: HandlerResult): boolean {
    const before = this.#breaker.reason();
    if (result.status === "done") this.#breaker.success();
    else if (result.status === "failed") this.#breaker.failure(delivery.seq, result.reason);
    const after = this.#breaker.reason();
    if ((before === undefined) !== (after === undefined)) this.#options.onBroken(after);
    return after !== undefined && result.status === "failed";
  }

  #ack(delivery: Delivery): void {
    this.counts.handled += 1;
    delivery.ack();
  }

  #bury(delivery: Delivery, reason: string): void {
    this.counts.deadLettered += 1;
    this.#options.log.error(`${this.#options.event.name} event is dead: ${reason}`, { seq: delivery.seq });
    delivery.term(reason);
  }

  #giveBack(delivery: Delivery, afterMs: number): void {
    this.counts.failed += 1;
    delivery.retry(afterMs);
  }

  #warn(delivery: Delivery, attempt: number, outcome: { readonly reason: string; readonly afterMs: number }): void {
    const { seq, subject } = delivery;
    this.#options.log.warn(outcome.reason, {
      event: this.#options.event.name,
      seq,
      subject,
      attempt,
      againInMs: outcome.afterMs,
    });
  }

  #random(): { random?: () => number } {
    return this.#options.random ? { random: this.#options.random } : {};
  }
}

function outcomeName(status: "acked" | "retried" | "dead"): "handled" | "failed" | "dead" {
  if (status === "acked") return "handled";
  return status === "dead" ? "dead" : "failed";
}

function toRawEvent(name: RawEvent["name"], delivery: Delivery, attempt: number): RawEvent {
  const attributes = readCloudEvent(delivery.headers);
  return {
    name,
    id: attributes?.id ?? delivery.headers.get("Nats-Msg-Id") ?? `${name}:${delivery.seq}`,
    subject: delivery.subject,
    time: attributes?.time.getTime() ?? delivery.time,
    data: delivery.data,
    attempt,
    pending: delivery.pending,
  };
}
