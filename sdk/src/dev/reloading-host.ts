import { isDeepStrictEqual } from "node:util";
import { createMailbox, createWakeup, type DecisionHook, type Mailbox, pause } from "@patchbay/model";
import { ConfigError } from "../config/read-config.ts";
import { PluginMistake } from "../errors/mistake.ts";
import type { AnswerOf, QuestionOf } from "../hooks/decision-hooks.ts";
import type { HandlerResult, PluginHost, Question, RawEvent } from "../host/host.ts";
import { LateAnswer } from "../host/run-decision.ts";
import type { HostAnswer } from "../model/answer-message.ts";
import type { PluginManifest } from "../model/manifest.ts";
import { lost, type PluginChild } from "./child-process.ts";

/** A plugin whose code is reloaded: questions and events go to the child that currently runs it. */
export interface ReloadingHost extends PluginHost {
  deliver(event: RawEvent, signal: AbortSignal): Promise<HandlerResult>;
  /** From now on this child runs the plugin. Resolves when the one before has finished, with the events that run again. */
  swap(next: PluginChild): Promise<number>;
  /** True while no other child has taken over from this one. */
  runs(child: PluginChild): boolean;
  stop(): Promise<void>;
}

/** How long the last answer outlives the code that gave it. */
export const HOLD_MS = 2_000;
/** Time for handlers of the code before to finish after a reload. */
const GRACE_MS = 1_000;

/** Begins with a child that has loaded. */
export function createReloadingHost(first: PluginChild): ReloadingHost {
  return new Reloading(first);
}

class Reloading implements ReloadingHost {
  #child: PluginChild | undefined;
  #latest: PluginChild | undefined;
  #manifest: PluginManifest;
  #config: { readonly value: unknown } | undefined;
  #arrival = createWakeup();
  #again = 0;

  constructor(first: PluginChild) {
    this.#manifest = first.manifest;
    this.#setChild(first);
  }

  get manifest(): PluginManifest {
    return this.#manifest;
  }

  async swap(next: PluginChild): Promise<number> {
    if (this.#config) await next.configure(this.#config.value);
    const before = this.#child;
    const again = this.#again;
    this.#manifest = next.manifest;
    this.#setChild(next);
    this.#arrival.wake();
    await before?.stop(GRACE_MS);
    // Work that waited for the previous child is counted in `again` by the next turn of the event loop.
    await pause(0);
    return this.#again - again;
  }

  runs(child: PluginChild): boolean {
    return this.#latest === child;
  }

  async stop(): Promise<void> {
    await this.#child?.stop(0);
  }

  /** A child that ends by itself leaves its work to the next one. */
  #setChild(child: PluginChild): void {
    this.#child = child;
    this.#latest = child;
    void child.ended.then(() => {
      if (this.#child === child) this.#child = undefined;
    });
  }

  async configure(config: unknown): Promise<void> {
    this.#config = { value: config };
    const problem = await this.#child?.configure(config);
    if (typeof problem === "string") throw new ConfigError(problem);
  }

  async *resolve(question: Question, signal: AbortSignal): AsyncGenerator<HostAnswer> {
    const answers = createMailbox<HostAnswer>();
    const asking = this.#ask(question, signal, answers).then(
      () => answers.end(),
      (error: unknown) => answers.end(error),
    );
    let last: HostAnswer | undefined;
    for await (const answer of answers) {
      if (isDeepStrictEqual(answer, last)) continue;
      last = answer;
      yield answer;
    }
    await asking;
  }

  /** A child that goes while it is asked leaves the question to the next one, for as long as the mesh waits. */
  async decide<Hook extends DecisionHook>(
    hook: Hook,
    question: QuestionOf<Hook>,
    signal: AbortSignal,
  ): Promise<AnswerOf<Hook>> {
    while (!signal.aborted) {
      const child = await this.#childOr(signal);
      const result = child ? await child.decide(hook, question, signal) : lost;
      if (result === lost) continue;
      if ("answer" in result) return result.answer;
      throw result.late ? new LateAnswer(result.problem) : new PluginMistake(result.problem);
    }
    throw signal.reason;
  }

  async deliver(event: RawEvent, signal: AbortSignal): Promise<HandlerResult> {
    while (!signal.aborted) {
      const child = await this.#childOr(signal);
      const result = child ? await child.deliver(event, signal) : lost;
      if (result !== lost) return result;
      if (child && !signal.aborted) this.#again += 1;
    }
    return { status: "failed", reason: "stopped before it was handled" };
  }

  /** Puts the question to one child after another; the last answer stays in force in between, for at most holdMs. */
  async #ask(question: Question, signal: AbortSignal, answers: Mailbox<HostAnswer>): Promise<void> {
    const overdue = new AbortController();
    const until = AbortSignal.any([signal, overdue.signal]);
    let hold: NodeJS.Timeout | undefined;
    try {
      while (!until.aborted) {
        const child = await this.#childOr(until);
        if (!child) return;
        const outcome = await child.resolve(question, until, (answer) => {
          clearTimeout(hold);
          answers.put(answer);
        });
        if (typeof outcome === "string") throw new PluginMistake(outcome);
        if (outcome === undefined) return;
        clearTimeout(hold);
        hold = setTimeout(() => {
          answers.end(new Error(`the reloaded plugin has not answered within ${HOLD_MS / 1_000} s`));
          overdue.abort();
        }, HOLD_MS);
        await this.#otherThan(child, until);
      }
    } finally {
      clearTimeout(hold);
    }
  }

  async #childOr(signal: AbortSignal): Promise<PluginChild | undefined> {
    while (!this.#child && !signal.aborted) await this.#nextArrival(signal);
    return this.#child;
  }

  async #otherThan(child: PluginChild, signal: AbortSignal): Promise<void> {
    while (this.#child === child && !signal.aborted) await this.#nextArrival(signal);
  }

  async #nextArrival(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    await Promise.race([this.#arrival.wait(), pause(60_000, AbortSignal.any([signal, woken.signal]))]);
    woken.abort();
  }
}
