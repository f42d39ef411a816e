import type { DecisionHook } from "@patchbay/model";
import { type ConfigReader, createConfigReader } from "../config/read-config.ts";
import { PluginMistake, show } from "../errors/mistake.ts";
import { type AnswerOf, decisionHooks, type QuestionOf } from "../hooks/decision-hooks.ts";
import type { HostAnswer } from "../model/answer-message.ts";
import { internalsOf, type PluginInternals } from "../model/definition.ts";
import { decodeEvent, type EventName, type EventOf } from "../model/events.ts";
import { type PluginManifest, readManifest } from "../model/manifest.ts";
import type { Log } from "../public/log.ts";
import type { ResolveInput } from "../public/plugin.ts";
import { type EventDelivery, HandlerContext } from "./event-context.ts";
import { createHandlerRuns, type HandlerRuns } from "./handler-runs.ts";
import type { HandlerResult, PluginHost, Question, RawEvent } from "./host.ts";
import { runDecision } from "./run-decision.ts";
import { runResolve } from "./run-resolve.ts";

/** A plugin that runs in this process, with the configuration that it was given last. */
export interface LocalHost extends PluginHost {
  /** What handlers get; undefined until configure(). */
  config(): unknown;
  /** Runs the event's handler once with a decoded event. Neither throws nor rejects. */
  handle<Name extends EventName>(event: Decoded<Name>): HandlerResult | Promise<HandlerResult>;
}

/** An event as its handler sees it. */
export interface Decoded<Name extends EventName> {
  readonly name: Name;
  readonly value: EventOf[Name];
  readonly delivery: EventDelivery;
  readonly signal: AbortSignal;
}

/** Runs a plugin in this process. Throws a PluginMistake when it is none, or when its schema is wrong. */
export function createLocalHost(plugin: unknown, log: Log): LocalHost {
  const internals = internalsOf(plugin);
  if (!internals) {
    throw new PluginMistake(`${show(plugin)} is not a plugin`, {
      hint: "Give it what `definePlugin({ ... })` returns",
    });
  }
  const reader = createConfigReader(internals.definition.config, internals.place);
  return new Host(internals, reader, log);
}

class Host implements LocalHost {
  readonly manifest: PluginManifest;
  readonly #internals: PluginInternals;
  readonly #reader: ConfigReader;
  readonly #log: Log;
  readonly #runs: ReadonlyMap<EventName, HandlerRuns>;
  #config: unknown;

  constructor(internals: PluginInternals, reader: ConfigReader, log: Log) {
    this.manifest = readManifest(internals.definition, reader.schema);
    this.#internals = internals;
    this.#reader = reader;
    this.#log = log;
    this.#runs = runsOf(internals, this.manifest);
  }

  config(): unknown {
    return this.#config;
  }

  async configure(config: unknown): Promise<void> {
    this.#config = await this.#reader.read(config);
  }

  resolve({ authority, client }: Question, signal: AbortSignal): AsyncIterable<HostAnswer> {
    const resolver = this.#internals.definition.hooks?.resolve;
    const doing = `resolve("${authority.host}")`;
    if (!resolver) throw new PluginMistake(`${doing}: the plugin has no resolver`);
    const input: ResolveInput<unknown> = { authority, config: this.#config, signal, log: this.#log, client };
    return runResolve({
      start: () => resolver(forAuthor(input)),
      resolver,
      doing,
      signal,
      onLate: (mistake) => this.#log.warn(mistake.message),
    });
  }

  async decide<Hook extends DecisionHook>(
    hook: Hook,
    question: QuestionOf<Hook>,
    signal: AbortSignal,
  ): Promise<AnswerOf<Hook>> {
    const handler: ((input: never) => unknown) | undefined = this.#internals.definition.hooks?.[hook];
    if (!handler) throw noHook(hook);
    const atHand = { config: this.#config, log: this.#log };
    return await runDecision<AnswerOf<Hook>>({
      handler,
      doing: hook,
      deadlineMs: this.manifest[hook]?.deadlineMs ?? 0,
      signal,
      // What a hook is asked is the input of the author's function of the same name.
      call: (over) => handler({ ...question, ...atHand, signal: over } as never),
      check: (value, source) => decisionHooks[hook].check(value, source, question),
    });
  }

  deliver(event: RawEvent, signal: AbortSignal): HandlerResult | Promise<HandlerResult> {
    return this.#deliver(event.name, event, signal);
  }

  #deliver<Name extends EventName>(name: Name, event: RawEvent, signal: AbortSignal) {
    let value: EventOf[Name];
    try {
      value = decodeEvent(name, event.data);
    } catch (error) {
      return undecodable(error);
    }
    return this.handle({ name, value, delivery: event, signal });
  }

  handle<Name extends EventName>({ name, value, delivery, signal }: Decoded<Name>) {
    const handler = this.#internals.definition.on?.[name];
    const runs = this.#runs.get(name);
    if (!handler || !runs) return noHandler(name);
    const plugin = { config: this.#config, log: this.#log };
    return runs.run((life) => handler(value, new HandlerContext(plugin, delivery, life)), signal);
  }
}

/** The runs of each handler that the plugin has. */
function runsOf({ definition }: PluginInternals, manifest: PluginManifest): ReadonlyMap<EventName, HandlerRuns> {
  const runs = new Map<EventName, HandlerRuns>();
  for (const { name, timeoutMs } of manifest.events) {
    const handler = definition.on?.[name];
    if (handler) runs.set(name, createHandlerRuns({ handler, doing: `on.${name}`, timeoutMs }));
  }
  return runs;
}

function noHook(hook: DecisionHook): PluginMistake {
  return new PluginMistake(`the plugin has no hook "${hook}"`, { hint: `Add \`hooks: { async ${hook}() { ... } }\`` });
}

function noHandler(name: EventName): HandlerResult {
  return { status: "permanent", reason: `the plugin has no handler for "${name}" events` };
}

/** For resolvers what HandlerContext is for events: a checked configuration takes on the type of the author's schema. */
function forAuthor<T extends { readonly config: unknown }>(input: T): T & { readonly config: never } {
  return { ...input, config: input.config as never };
}

function undecodable(error: unknown): HandlerResult {
  const reason = `the event's data cannot be decoded: ${error instanceof Error ? error.message : String(error)}`;
  return { status: "permanent", reason };
}
