import { placeOfFunction } from "../errors/function-place.ts";
import { describeThrown, PluginMistake } from "../errors/mistake.ts";
import { isPermanent, isRetry } from "../model/errors.ts";
import type { HandlerResult } from "./host.ts";

/** The handler to run, and its time limit. */
export interface HandlerOptions {
  /** The author's function, for the place of mistakes. */
  readonly handler: object;
  /** Such as `on.report`, for messages. */
  readonly doing: string;
  readonly timeoutMs: number;
}

/** How long a run lasts, for the handler that wants to know. */
export interface RunLife {
  /** Aborts with the run's timeout or the signal that the run was given. Made when it is first asked for. */
  readonly signal: AbortSignal;
}

/** All runs of one author's handler. */
export interface HandlerRuns {
  /**
   * Calls the handler once and tells how it ended: by itself, by its timeout or by the signal. What returns no promise has
   * ended at once. Neither throws nor rejects.
   */
  run(call: (life: RunLife) => unknown, signal: AbortSignal): HandlerResult | Promise<HandlerResult>;
}

const done: HandlerResult = { status: "done" };

/** Thousands of events a second share one timer, and one listener to each signal. */
export function createHandlerRuns(options: HandlerOptions): HandlerRuns {
  return new Runs(options);
}

class Runs implements HandlerRuns {
  readonly #options: HandlerOptions;
  /** Those with a promise, oldest first: all have the same time, so this is also the order of their deadlines. */
  readonly #running = new Set<Run>();
  readonly #followed = new WeakSet<AbortSignal>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HandlerOptions) {
    this.#options = options;
  }

  run(call: (life: RunLife) => unknown, signal: AbortSignal): HandlerResult | Promise<HandlerResult> {
    const run = new Run(signal);
    try {
      const returned = call(run);
      return isThenable(returned) ? this.#wait(run, Promise.resolve(returned)) : this.#returned(returned);
    } catch (thrown) {
      return this.#threw(thrown);
    }
  }

  #wait(run: Run, work: Promise<unknown>): Promise<HandlerResult> {
    work.then(
      (value) => this.#end(run, this.#returned(value)),
      (thrown: unknown) => this.#end(run, this.#threw(thrown)),
    );
    return new Promise((resolve) => {
      run.begin(performance.now() + this.#options.timeoutMs, resolve);
      this.#running.add(run);
      this.#timer ??= setTimeout(() => this.#expire(), this.#options.timeoutMs);
      this.#follow(run.outer);
    });
  }

  #follow(signal: AbortSignal): void {
    if (signal.aborted) return this.#stop(signal);
    if (this.#followed.has(signal)) return;
    this.#followed.add(signal);
    signal.addEventListener("abort", () => this.#stop(signal), { once: true });
  }

  #stop(signal: AbortSignal): void {
    const reason = `${this.#options.doing} was stopped before it had finished`;
    for (const run of this.#running) if (run.outer === signal) this.#cut(run, reason, signal.reason);
  }

  #expire(): void {
    this.#timer = undefined;
    const { doing, timeoutMs } = this.#options;
    const reason = `${doing} did not finish within ${timeoutMs / 1_000} s`;
    const now = performance.now();
    for (const run of this.#running) {
      if (run.deadline > now) {
        this.#timer = setTimeout(() => this.#expire(), Math.ceil(run.deadline - now));
        return;
      }
      this.#cut(run, reason, new DOMException(reason, "TimeoutError"));
    }
  }

  #cut(run: Run, reason: string, abortReason: unknown): void {
    this.#end(run, { status: "failed", reason });
    run.abort(abortReason);
  }

  /** Results that a run produces after its end are dropped. */
  #end(run: Run, result: HandlerResult): void {
    if (!this.#running.delete(run)) return;
    if (this.#running.size === 0) this.#disarm();
    run.settle(result);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #returned(value: unknown): HandlerResult {
    if (!isGenerator(value)) return done;
    const { doing, handler } = this.#options;
    const hint = "Write it without the `*`: a generator does nothing until somebody asks for its values";
    return this.#threw(new PluginMistake(`${doing} is a generator`, { hint, place: placeOfFunction(handler) }));
  }

  #threw(thrown: unknown): HandlerResult {
    const { doing, handler } = this.#options;
    if (isPermanent(thrown)) return { status: "permanent", reason: thrown.message };
    if (isRetry(thrown)) return { status: "retry", afterMs: thrown.afterMs, reason: thrown.message };
    return { status: "failed", reason: describeThrown(doing, thrown, placeOfFunction(handler)).message };
  }
}

class Run implements RunLife {
  readonly outer: AbortSignal;
  /** On the clock of `performance.now()`. */
  deadline = 0;
  settle: (result: HandlerResult) => void = () => undefined;
  #controller: AbortController | undefined;

  constructor(outer: AbortSignal) {
    this.outer = outer;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  begin(deadline: number, settle: (result: HandlerResult) => void): void {
    this.deadline = deadline;
    this.settle = settle;
  }

  abort(reason: unknown): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function isGenerator(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("next" in value)) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}
