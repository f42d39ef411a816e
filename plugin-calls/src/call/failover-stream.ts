import { type Backoff, createBackoff, rendezvousOrder } from "@patchbay/model";
import type { StreamEnd } from "../channel/listen.ts";
import { usable } from "../directory/instance-use.ts";
import type { HookedPlugin } from "../directory/plugin-directory.ts";
import type { PluginInstance } from "../directory/plugin-instance.ts";
import { type Attempt, type AttemptOptions, createAttempt } from "./attempt.ts";
import type { CallResult } from "./metrics.ts";

export interface FailoverStreamOptions extends AttemptOptions {
  readonly plugin: HookedPlugin;
  /** Hashed to pick the instance: equal keys go to the same one while it is ready. */
  readonly key: string;
  /** Longest wait between tries. */
  readonly maxRetryMs: number;
  /** The outcome of one attempt on one instance. */
  onResult(result: CallResult): void;
  /** A message that differs from the one before. Returns for how long the stream may close; undefined: it stays open. */
  onMessage(message: Buffer, instance: string): number | undefined;
  /** Every usable instance was tried without an answer. The stream goes on trying. */
  onBroken(broken: StreamEnd): void;
}

/** A stream that fails over between the plugin's instances: one of them answers at a time. */
export interface FailoverStream {
  /** Instances came, went or changed their use. */
  instancesChanged(): void;
  close(): void;
}

/** A stream that lived this long was healthy: its end resets the backoff. */
const HEALTHY_MS = 5_000;
const MIN_RETRY_MS = 100;

/**
 * Keeps a stream open on the instance that rendezvous hashing picks among the ready ones.
 *
 * When it ends, every other usable instance is tried before onBroken; then it is retried with backoff. A stream that is late stays
 * open, since its answer still counts, while others are tried beside it; the first to answer serves, the rest are cancelled.
 */
export function createFailoverStream(options: FailoverStreamOptions): FailoverStream {
  const stream = new Conversation(options);
  stream.begin();
  return stream;
}

class Conversation implements FailoverStream {
  readonly #options: FailoverStreamOptions;
  readonly #backoff: Backoff;
  readonly #trying = new Set<Attempt>();
  readonly #tried = new Set<string>();
  #serving: Attempt | undefined;
  #everAnswered = false;
  /** Ends the wait for the next retry, or for the end of a time to live. */
  #cancelWait: () => void = () => undefined;
  #resting = false;
  #closed = false;

  constructor(options: FailoverStreamOptions) {
    this.#options = options;
    this.#backoff = createBackoff({ minMs: MIN_RETRY_MS, maxMs: Math.max(options.maxRetryMs, MIN_RETRY_MS) });
  }

  begin(): void {
    this.#cancelWait();
    this.#resting = false;
    this.#tried.clear();
    if (!this.#tryNext()) this.#giveUp({ reason: this.#whyNone(), hard: this.#trying.size === 0 });
  }

  instancesChanged(): void {
    if (this.#closed) return;
    for (const attempt of this.#attempts()) {
      const { use, reason } = attempt.instance;
      if (use !== "broken" && use !== "left") continue;
      attempt.stop();
      this.#ended(attempt, { reason: reason === "" ? "it is gone" : reason, hard: false });
    }
    const moving = this.#serving?.instance.use === "draining" && this.#trying.size === 0;
    if (moving) {
      this.#tried.clear();
      this.#tryNext();
    } else if (this.#isIdle() && this.#candidate() !== undefined) this.begin();
  }

  close(): void {
    this.#closed = true;
    this.#cancelWait();
    for (const attempt of this.#attempts()) attempt.stop();
  }

  #attempts(): readonly Attempt[] {
    return this.#serving ? [this.#serving, ...this.#trying] : [...this.#trying];
  }

  /** Nothing is open that is still expected to answer. */
  #isIdle(): boolean {
    return !this.#serving && !this.#resting && [...this.#trying].every(({ late }) => late);
  }

  /** Instances that may be called and on which no stream is open. */
  #free(): readonly PluginInstance[] {
    const taken = new Set(this.#attempts().map(({ instance }) => instance));
    return this.#options.plugin.instances.filter(
      (instance) => !taken.has(instance) && (instance.use === "ready" || instance.use === "doubtful"),
    );
  }

  #candidate(): PluginInstance | undefined {
    const now = this.#options.clock.now();
    const open = this.#free().filter(({ id, breaker }) => !this.#tried.has(id) && (breaker.opensAt() ?? 0) <= now);
    return rendezvousOrder(this.#options.key, usable(open), ({ id }) => id)[0];
  }

  /** False when there is no instance left to try. */
  #tryNext(): boolean {
    const instance = this.#candidate();
    if (!instance?.breaker.admits(this.#options.clock.now())) return false;
    this.#tried.add(instance.id);
    const attempt = createAttempt(instance, this.#options, {
      onMessage: (message) => this.#heard(attempt, message),
      onEnd: (end) => this.#ended(attempt, end),
      onLate: () => this.#late(attempt),
    });
    this.#trying.add(attempt);
    attempt.start();
    return true;
  }

  #heard(attempt: Attempt, message: Buffer): void {
    if (this.#closed) return;
    if (!attempt.answered) this.#takeOver(attempt);
    if (attempt.lastMessage?.equals(message)) return;
    attempt.lastMessage = message;
    this.#everAnswered = true;
    const goodForMs = this.#options.onMessage(message, attempt.instance.id);
    if (goodForMs !== undefined) this.#rest(attempt, goodForMs);
  }

  /** The first answer: this stream serves from now on, the others end. */
  #takeOver(attempt: Attempt): void {
    attempt.answered = true;
    attempt.settled();
    attempt.instance.breaker.succeeded();
    this.#trying.delete(attempt);
    for (const other of this.#attempts()) other.stop();
    this.#trying.clear();
    this.#serving = attempt;
    this.#cancelWait();
    this.#options.onResult("answered");
  }

  /** The answer is good for a while without a stream. */
  #rest(attempt: Attempt, ms: number): void {
    attempt.stop();
    this.#serving = undefined;
    this.#resting = true;
    this.#cancelWait = this.#options.clock.after(ms, () => this.begin());
  }

  #late(attempt: Attempt): void {
    const { clock, deadlineMs } = this.#options;
    attempt.late = true;
    this.#options.onResult("late");
    attempt.settled();
    attempt.instance.breaker.failed(clock.now());
    if (this.#tryNext() || !this.#isIdle()) return;
    this.#giveUp({ reason: `${attempt.instance.id}: no answer within ${deadlineMs / 1_000} s`, hard: false });
  }

  #ended(attempt: Attempt, end: StreamEnd): void {
    if (this.#closed) return;
    attempt.settled();
    const now = this.#options.clock.now();
    if (this.#serving === attempt) {
      this.#serving = undefined;
      this.#tried.clear();
      this.#tried.add(attempt.instance.id);
      if (now - attempt.openedAt > HEALTHY_MS) this.#backoff.reset();
    } else {
      attempt.instance.breaker.failed(now);
      if (!attempt.late) this.#options.onResult("failed");
    }
    this.#trying.delete(attempt);
    if (this.#serving || this.#tryNext() || !this.#isIdle()) return;
    const reason = attempt.answered || this.#everAnswered ? end.reason : `ended without an answer: ${end.reason}`;
    this.#giveUp({ reason: `${attempt.instance.id}: ${reason}`, hard: end.hard });
  }

  #giveUp(broken: StreamEnd): void {
    const { clock, onBroken } = this.#options;
    this.#tried.clear();
    onBroken(broken);
    this.#cancelWait();
    // With no instance to try, the next change of the instances starts over.
    if (this.#free().length > 0) this.#cancelWait = clock.after(this.#backoff.next(), () => this.begin());
  }

  #whyNone(): string {
    if (this.#trying.size > 0) return "no answer yet";
    if (this.#free().length > 0) return "failed several times in a row; it is tried again in a moment";
    const { instances } = this.#options.plugin;
    const reasons = instances.flatMap(({ id, reason }) => (reason === "" ? [] : [`${id}: ${reason}`]));
    return `no instance is ready${reasons.length > 0 ? ` (${reasons.join("; ")})` : ""}`;
  }
}
