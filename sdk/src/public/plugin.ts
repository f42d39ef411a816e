import type { Answer } from "./answer.ts";
import type { Authority, ClientContext } from "./authority.ts";
import type { ConfigOf, ConfigSchema } from "./config.ts";
import type { Duration } from "./duration.ts";
import type { Log } from "./log.ts";
import type { EndpointChange, PluginChange, Report } from "./report.ts";

/** What a plugin is: its name, what it takes, what it answers and what it listens to. */
export interface PluginDefinition<S extends ConfigSchema = ConfigSchema> {
  /** DNS label: lower-case letters, digits and dashes, at most 63 characters. Unique in the mesh. */
  readonly name: string;
  /** Semantic version of the plugin. Default `"0.0.0"`. */
  readonly version?: string;
  /** Schema of the configuration. Without it the plugin takes none. */
  readonly config?: S;
  /** Questions that the mesh puts to the plugin. */
  readonly hooks?: Hooks<ConfigOf<S>>;
  /** Events that the plugin receives, each at least once. */
  readonly on?: EventHandlers<ConfigOf<S>>;
  /** Settings of single hooks and events; each has a default. */
  readonly options?: PluginOptions;
}

/** The questions that a plugin answers. */
export interface Hooks<Config> {
  /**
   * Answers an authority, and again whenever the answer changes: one generator runs per watched authority, and each
   * `yield` replaces the answer before. Returning leaves the last answer in force. A throw breaks the answer: the mesh
   * keeps the last one for a moment, then asks again; `throw permanent("why")` fails it for good.
   */
  readonly resolve?: (input: ResolveInput<Config>) => AsyncIterable<Answer> | Iterable<Answer>;
}

/** What a resolver is asked, and what it works with. */
export interface ResolveInput<Config> {
  readonly authority: Authority;
  readonly config: Config;
  /** Aborted when nobody watches the authority any more, and when the plugin stops. Give it to what you wait for. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Only with `options.resolve.usesContext`. */
  readonly client: ClientContext | undefined;
}

/** Returning acknowledges the event. A throw delivers it again after a while; `throw permanent("why")` dead-letters it. */
export type EventHandler<Event, Config> = (event: Event, context: EventContext<Config>) => void | Promise<void>;

/** The events that a plugin listens to, each by its class. */
export interface EventHandlers<Config> {
  /** What proxies saw in a short window. */
  readonly report?: EventHandler<Report, Config>;
  /** A watched authority got another answer. */
  readonly endpoint?: EventHandler<EndpointChange, Config>;
  /** A plugin instance entered another state. */
  readonly plugin?: EventHandler<PluginChange, Config>;
}

/** What an event handler works with, beside the event. Made to be read from: a spread copies only part of it. */
export interface EventContext<Config> {
  readonly config: Config;
  readonly log: Log;
  /** Aborted when the plugin stops or the handler's `timeout` is over. */
  readonly signal: AbortSignal;
  /** Unique per event, the same on every delivery of it. */
  readonly id: string;
  readonly subject: string;
  readonly time: Date;
  /** 1 for the first delivery. */
  readonly attempt: number;
  /** Events that wait behind this one. */
  readonly pending: number;
}

/** Settings by hook and event. */
export interface PluginOptions {
  readonly resolve?: ResolveOptions;
  readonly report?: EventOptions;
  readonly endpoint?: EventOptions;
  readonly plugin?: EventOptions;
}

/** Settings of the hook `resolve`. An operator may grant less. */
export interface ResolveOptions {
  /** Only authorities that end so are asked, on label borders, such as `"legacy"` for `db.legacy:80`. Default: all. */
  readonly suffixes?: readonly string[];
  /** Place in the chain: workloads 100, static services 200, DNS 900. Default 500. */
  readonly order?: number;
  /** Time to the first answer, at most 30 s. Default 2 s. */
  readonly deadline?: Duration;
  /** When this resolver fails: `"open"` asks the next link, `"closed"` fails the request. Default `"open"`. */
  readonly failurePolicy?: "open" | "closed";
  /** The answer depends on who asks: `client` is set, and each kind of client is a question of its own. Default false. */
  readonly usesContext?: boolean;
}

/** Settings of one class of events. An operator may grant less. */
export interface EventOptions {
  /** Handlers that run at a time, over all instances of the plugin. 1 to 256, default 16. */
  readonly concurrency?: number;
  /** Events of one subject never overtake each other: a failing one is tried in place and holds those behind it. */
  readonly ordered?: boolean;
  /** A handler that has not finished by then counts as failed. Default 5 minutes. */
  readonly timeout?: Duration;
}

/** A checked plugin, for `serve()`, `startTest()` and the entry file's default export. */
export interface Plugin {
  readonly name: string;
  readonly version: string;
}
