import { type ConfigReader, createConfigReader } from "../config/read-config.ts";
import { PluginMistake, show } from "../mistakes/mistake.ts";
import type { HostAnswer } from "../model/answer-message.ts";
import { internalsOf, type PluginInternals } from "../model/definition.ts";
import { decodeEvent, type EventName, type EventOf } from "../model/events.ts";
import { readManifest } from "../model/manifest.ts";
import type { Log } from "../public/log.ts";
import type { EventContext, ResolveInput } from "../public/plugin.ts";
import type { HandlerResult, PluginHost, Question, RawEvent } from "./host.ts";
import { runHandler } from "./run-handler.ts";
import { runResolve } from "./run-resolve.ts";

/** A plugin that runs in this process, with the configuration that it was given last. */
export interface LocalHost extends PluginHost {
  /** What handlers get; undefined until configure(). */
  config(): unknown;
  /** Runs the event's handler once with a decoded event. Never rejects. */
  handle<Name extends EventName>(event: Decoded<Name>): Promise<HandlerResult>;
}

/** An event as its handler sees it. */
export interface Decoded<Name extends EventName> {
  readonly name: Name;
  readonly value: EventOf[Name];
  readonly delivery: Omit<RawEvent, "name" | "data">;
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
  readonly manifest;
  readonly #internals: PluginInternals;
  readonly #reader: ConfigReader;
  readonly #log: Log;
  #config: unknown;

  constructor(internals: PluginInternals, reader: ConfigReader, log: Log) {
    this.manifest = readManifest(internals.definition, reader.schema);
    this.#internals = internals;
    this.#reader = reader;
    this.#log = log;
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

  async deliver(event: RawEvent, signal: AbortSignal): Promise<HandlerResult> {
    return this.#deliver(event.name, event, signal);
  }

  async #deliver<Name extends EventName>(name: Name, event: RawEvent, signal: AbortSignal): Promise<HandlerResult> {
    const decoded = decode(name, event.data);
    if ("problem" in decoded) return { status: "permanent", reason: decoded.problem };
    return this.handle({ name, value: decoded.value, delivery: event, signal });
  }

  async handle<Name extends EventName>({ name, value, delivery, signal }: Decoded<Name>): Promise<HandlerResult> {
    const handler = this.#internals.definition.on?.[name];
    if (!handler) return { status: "permanent", reason: `the plugin has no handler for "${name}" events` };
    const timeoutMs = this.manifest.events.find((each) => each.name === name)?.timeoutMs ?? 300_000;
    const start = (until: AbortSignal) => handler(value, forAuthor(this.#context(delivery, until)));
    return runHandler({ start, handler, doing: `on.${name}`, timeoutMs, signal });
  }

  #context(
    { id, subject, time, attempt, pending }: Decoded<EventName>["delivery"],
    signal: AbortSignal,
  ): EventContext<unknown> {
    const log = this.#log;
    return { config: this.#config, log, signal, id, subject, time: new Date(time), attempt, pending };
  }
}

/** The one place where a checked configuration takes on the type that the author's schema describes. */
function forAuthor<T extends { readonly config: unknown }>(input: T): T & { readonly config: never } {
  return { ...input, config: input.config as never };
}

function decode<Name extends EventName>(name: Name, data: Uint8Array): { value: EventOf[Name] } | { problem: string } {
  try {
    return { value: decodeEvent(name, data) };
  } catch (error) {
    return { problem: `the event's data cannot be decoded: ${error instanceof Error ? error.message : String(error)}` };
  }
}
