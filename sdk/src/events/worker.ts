import { pause } from "@patchbay/model";
import type { Delivery } from "@patchbay/wire";
import type { HandlerResult, RawEvent } from "../host/host.ts";
import type { EventManifest } from "../model/manifest.ts";
import type { Log } from "../public/log.ts";
import { type ConsumerCounts, newCounts } from "./counts.ts";
import { DeliveredEvent } from "./delivered-event.ts";
import { createFailureStreak } from "./failure-streak.ts";
import { outcomeOf, retryWaitMs } from "./outcome.ts";
import { createSubjectQueue } from "./subject-queue.ts";

/** The event class, the limits of its consumer, and callbacks. */
export interface WorkerOptions {
  readonly event: EventManifest;
  readonly ackWaitMs: number;
  /** Deliveries after which an event that still fails is dead. 0: never. */
  readonly maxDeliver: number;
  /** Runs the author's handler once. */
  readonly deliver: (event: RawEvent, signal: AbortSignal) => HandlerResult | Promise<HandlerResult>;
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
const LONGEST_HOLD_MS = 30_000;
/** An event that is given back when the plugin stops comes again soon, here or at another instance. */
const GIVE_BACK_MS = 100;

/** Holds events until their outcome is known to the stream. */
export function createWorker(options: WorkerOptions): EventWorker {
  return new Worker(options);
}

/** An event in hand. */
interface Held {
  readonly delivery: Delivery;
  /** Deliveries of the event, those in place included. */
  attempt: number;
  /** Of this delivery. */
  tries: number;
  began: number;
  /** Lets the next event of an ordered subject go ahead. */
  readonly passOn: (() => void) | undefined;
}

class Worker implements EventWorker {
  readonly counts: ConsumerCounts;
  readonly #options: WorkerOptions;
  readonly #streak = createFailureStreak();
  readonly #queue = createSubjectQueue();
  /** Deliveries not acknowledged yet, queued ones included: one timer reports progress on all of them. */
  readonly #held = new Set<Delivery>();
  readonly #ticker: NodeJS.Timeout;
  readonly #stopped = new AbortController();
  #onIdle: () => void = () => undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.counts = options.counts ?? newCounts();
    this.#ticker = setInterval(() => this.#tick(), Math.max(50, options.ackWaitMs / 3)).unref();
  }

  inFlight(): number {
    return this.#held.size;
  }

  problem(): string | undefined {
    return this.#streak.reason();
  }

  accept(delivery: Delivery): void {
    this.counts.received += 1;
    if (delivery.deliveries > 1) this.counts.redelivered += 1;
    this.#held.add(delivery);
    if (!this.#options.event.ordered) return this.#begin(delivery, undefined);
    void this.#queue.run(delivery.subject, () => new Promise((passOn) => this.#begin(delivery, passOn)));
  }

  async drain(ms: number): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      if (this.#held.size === 0) resolve();
    });
    const limit = new AbortController();
    await Promise.race([idle, pause(ms, limit.signal)]);
    limit.abort();
    this.#stopped.abort();
    await idle;
    clearInterval(this.#ticker);
  }

  #tick(): void {
    for (const delivery of this.#held) delivery.working();
  }

  #begin(delivery: Delivery, passOn: (() => void) | undefined): void {
    this.#try({ delivery, attempt: delivery.deliveries, tries: 1, began: 0, passOn });
  }

  #try(held: Held): void {
    try {
      if (this.#stopped.signal.aborted) this.#giveBack(held, GIVE_BACK_MS);
      else this.#run(held);
    } catch (error) {
      this.#fault(held, error);
    }
  }

  /** Runs the handler once. One that ends at once is answered at once: a promise per event costs as much as the rest. */
  #run(held: Held): void {
    held.began = performance.now();
    const event = new DeliveredEvent(this.#options.event.name, held.delivery, held.attempt);
    const result = this.#options.deliver(event, this.#stopped.signal);
    if (!(result instanceof Promise)) return this.#conclude(held, result);
    result.then(
      (later) => this.#conclude(held, later),
      (error: unknown) => this.#fault(held, error),
    );
  }

  #conclude(held: Held, result: HandlerResult): void {
    try {
      if (this.#stopped.signal.aborted && result.status !== "done") this.#giveBack(held, GIVE_BACK_MS);
      else this.#settle(held, result);
    } catch (error) {
      this.#fault(held, error);
    }
  }

  /** Gives the stream its outcome, or tries again in place when the order or a broken handler asks for it. */
  #settle(held: Held, result: HandlerResult): void {
    const { attempt, began } = held;
    const broken = this.#judge(held.delivery, result);
    const maxDeliver = broken ? 0 : this.#options.maxDeliver;
    const outcome = outcomeOf(result, { attempt, maxDeliver, random: this.#options.random });
    this.#options.onOutcome?.(outcomeName(outcome.status), performance.now() - began);
    if (outcome.status === "acked") return this.#ack(held);
    if (outcome.status === "dead") return this.#bury(held, outcome.reason);
    this.#warn(held, outcome);
    if (!broken && !this.#options.event.ordered) return this.#giveBack(held, outcome.afterMs);
    // A broken handler costs no deliveries: the event is not to blame.
    if (!broken) held.attempt += 1;
    this.#tryAfter(held, broken ? this.#holdMs(held.tries) : outcome.afterMs);
  }

  #holdMs(tries: number): number {
    return Math.min(retryWaitMs(tries, this.#options.random), LONGEST_HOLD_MS);
  }

  #tryAfter(held: Held, ms: number): void {
    held.tries += 1;
    void pause(ms, this.#stopped.signal).then(() => this.#try(held));
  }

  /** Counts failures in a row; true when the handler is held to be broken. A permanent error is a handler at work. */
  #judge(delivery: Delivery, result: HandlerResult): boolean {
    const before = this.#streak.reason();
    if (result.status === "done") this.#streak.success();
    else if (result.status === "failed") this.#streak.failure(delivery.seq, result.reason);
    const after = this.#streak.reason();
    if ((before === undefined) !== (after === undefined)) this.#options.onBroken(after);
    return after !== undefined && result.status === "failed";
  }

  #ack(held: Held): void {
    this.counts.handled += 1;
    held.delivery.ack();
    this.#release(held);
  }

  #bury(held: Held, reason: string): void {
    const { delivery } = held;
    this.counts.deadLettered += 1;
    this.#options.log.error(`${this.#options.event.name} event is dead: ${reason}`, { seq: delivery.seq });
    delivery.term(reason);
    this.#release(held);
  }

  #giveBack(held: Held, afterMs: number): void {
    this.counts.failed += 1;
    held.delivery.retry(afterMs);
    this.#release(held);
  }

  /** Something of ours threw: the event comes again. */
  #fault(held: Held, error: unknown): void {
    const { delivery, attempt } = held;
    this.#options.log.error("an event could not be handled", { subject: delivery.subject, error: String(error) });
    delivery.retry(retryWaitMs(attempt, this.#options.random));
    this.#release(held);
  }

  #release({ delivery, passOn }: Held): void {
    this.#held.delete(delivery);
    passOn?.();
    if (this.#held.size === 0) this.#onIdle();
  }

  #warn({ delivery, attempt }: Held, outcome: { readonly reason: string; readonly afterMs: number }): void {
    const { seq, subject } = delivery;
    this.#options.log.warn(outcome.reason, {
      event: this.#options.event.name,
      seq,
      subject,
      attempt,
      againInMs: outcome.afterMs,
    });
  }
}

function outcomeName(status: "acked" | "retried" | "dead"): "handled" | "failed" | "dead" {
  if (status === "acked") return "handled";
  return status === "dead" ? "dead" : "failed";
}
