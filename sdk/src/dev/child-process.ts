import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { DecisionHook } from "@patchbay/model";
import { pause } from "@patchbay/model";
import type { QuestionOf } from "../hooks/decision-hooks.ts";
import type { HandlerResult, Question, RawEvent } from "../host/host.ts";
import type { HostAnswer } from "../model/answer-message.ts";
import type { PluginManifest } from "../model/manifest.ts";
import type { AskDecision, DecisionResult, FromChild, ToChild } from "./messages.ts";

/** What runs in the child. */
export interface ChildOptions {
  readonly entry: string;
  /** Such as `--import tsx`. */
  readonly nodeArguments: readonly string[];
}

/** What a question or delivery gives when its child ended before it was done. */
export const lost = Symbol("lost");

/** The author's file, loaded in a child process; a reload starts another one. */
export interface PluginChild {
  readonly manifest: PluginManifest;
  /** Why the configuration does not fit; undefined when it does. */
  configure(config: unknown): Promise<string | undefined | typeof lost>;
  /** Calls back for each answer. Settles when the stream ends: with why when it broke. */
  resolve(
    question: Question,
    signal: AbortSignal,
    onAnswer: (answer: HostAnswer) => void,
  ): Promise<string | undefined | typeof lost>;
  decide<Hook extends DecisionHook>(
    hook: Hook,
    question: QuestionOf<Hook>,
    signal: AbortSignal,
  ): Promise<DecisionResult<Hook> | typeof lost>;
  deliver(event: RawEvent, signal: AbortSignal): Promise<HandlerResult | typeof lost>;
  /** Resolves when the process has ended, with its exit code or signal in words. */
  readonly ended: Promise<string>;
  /** Ends questions, gives handlers `graceMs`, then ends the process. */
  stop(graceMs: number): Promise<void>;
}

/** The author's file could not be loaded: one line, with the place. */
export class LoadError extends Error {
  override readonly name = "LoadError";
}

const childScript = join(import.meta.dirname, `child${import.meta.filename.endsWith(".ts") ? ".ts" : ".js"}`);
const KILL_AFTER_MS = 500;

/**
 * Starts a child and waits until it has loaded the author's file, or the signal gives it up. Rejects with a LoadError, and no
 * process is left then.
 */
export async function startChild({ entry, nodeArguments }: ChildOptions, signal?: AbortSignal): Promise<PluginChild> {
  const child = fork(childScript, [entry], {
    execArgv: [...nodeArguments],
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ended = new Promise<string>((done) => {
    child.once("error", (error) => done(error.message));
    child.once("exit", (code, signal) => done(signal !== null ? `ended by ${signal}` : `ended with exit code ${code}`));
  });
  const giveUp = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", giveUp);
  if (signal?.aborted) giveUp();
  try {
    return new Child(child, await loaded(child, ended), ended);
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

function loaded(child: ChildProcess, ended: Promise<string>): Promise<PluginManifest> {
  return new Promise((done, fail) => {
    child.once("message", (message: FromChild) => {
      if (message.type === "loaded") return done(message.manifest);
      child.kill("SIGKILL");
      fail(new LoadError(message.type === "broken" ? message.message : "the child speaks another language"));
    });
    void ended.then((how) => fail(new LoadError(`the plugin's process ${how} while it loaded`)));
  });
}

type Settle = (message: FromChild | typeof lost) => void;

class Child implements PluginChild {
  readonly manifest: PluginManifest;
  readonly ended: Promise<string>;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Settle>();
  readonly #questions = new Set<number>();
  readonly #idle = new Set<() => void>();
  #last = 0;

  constructor(process: ChildProcess, manifest: PluginManifest, ended: Promise<string>) {
    this.#process = process;
    this.manifest = manifest;
    this.ended = ended;
    process.on("message", (message: FromChild) => {
      if ("id" in message) this.#waiting.get(message.id)?.(message);
    });
    // Sending to a process that has just ended; `ended` tells.
    process.on("error", () => undefined);
    void ended.then(() => this.#loseAll());
  }

  configure(config: unknown): Promise<string | undefined | typeof lost> {
    const { id, result } = this.#open<string | undefined>((message, settle) => {
      if (message.type === "configured") settle(message.problem);
    });
    this.#send({ type: "configure", id, config });
    return result;
  }

  resolve(
    question: Question,
    signal: AbortSignal,
    onAnswer: (answer: HostAnswer) => void,
  ): Promise<string | undefined | typeof lost> {
    const { id, result } = this.#open<string | undefined>((message, settle) => {
      if (message.type === "answer") onAnswer(message.answer);
      else if (message.type === "ended") settle(message.problem);
    });
    this.#questions.add(id);
    this.#send({ type: "resolve", id, question });
    return this.#until(signal, id, result).finally(() => this.#questions.delete(id));
  }

  decide<Hook extends DecisionHook>(
    hook: Hook,
    question: QuestionOf<Hook>,
    signal: AbortSignal,
  ): Promise<DecisionResult<Hook> | typeof lost> {
    const { id, result } = this.#open<DecisionResult<Hook>>((message, settle) => {
      // The child answers the hook that it was asked for.
      if (message.type === "decided") settle(message.result as DecisionResult<Hook>);
    });
    this.#send({ type: "decide", id, hook, question } as AskDecision);
    return this.#until(signal, id, result);
  }

  deliver(event: RawEvent, signal: AbortSignal): Promise<HandlerResult | typeof lost> {
    const { id, result } = this.#open<HandlerResult>((message, settle) => {
      if (message.type === "result") settle(message.result);
    });
    const { name, subject, time, data, attempt, pending } = event;
    // The event may read these only when it is asked: the message takes what they are now.
    this.#send({ type: "deliver", id, event: { name, id: event.id, subject, time, data, attempt, pending } });
    return this.#until(signal, id, result);
  }

  async stop(graceMs: number): Promise<void> {
    for (const id of this.#questions) this.#lose(id);
    if (this.#waiting.size > 0) {
      const idle = new Promise<void>((done) => this.#idle.add(done));
      const over = new AbortController();
      await Promise.race([idle, this.ended, pause(graceMs, over.signal)]);
      over.abort();
    }
    this.#loseAll();
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), KILL_AFTER_MS);
    await this.ended;
    clearTimeout(timer);
  }

  #open<T>(onMessage: (message: FromChild, settle: (value: T) => void) => void): {
    id: number;
    result: Promise<T | typeof lost>;
  } {
    this.#last += 1;
    const id = this.#last;
    const { promise, resolve } = Promise.withResolvers<T | typeof lost>();
    const settle = (value: T | typeof lost) => {
      this.#waiting.delete(id);
      resolve(value);
      if (this.#waiting.size === 0) for (const done of this.#idle) done();
    };
    this.#waiting.set(id, (message) => (message === lost ? settle(lost) : onMessage(message, settle)));
    return { id, result: promise };
  }

  /** Tells the child to cancel once the signal aborts; an answer that still arrives counts. */
  async #until<T>(signal: AbortSignal, id: number, result: Promise<T>): Promise<T> {
    const leave = () => this.#send({ type: "leave", id });
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
    try {
      return await result;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  #send(message: ToChild): void {
    if (this.#process.connected) this.#process.send(message, () => undefined);
    else if (message.type !== "leave") setImmediate(() => this.#lose(message.id));
  }

  #lose(id: number): void {
    this.#waiting.get(id)?.(lost);
  }

  #loseAll(): void {
    for (const id of this.#waiting.keys()) this.#lose(id);
  }
}
