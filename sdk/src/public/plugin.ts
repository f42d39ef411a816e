import type { Answer } from "./answer.ts";
import type { Authority, ClientContext } from "./authority.ts";
import type { ConfigOf, ConfigSchema } from "./config.ts";
import type { Decision, Lease } from "./decision.ts";
import type { Duration } from "./duration.ts";
import type { Log } from "./log.ts";
import type { EndpointChange, PluginChange, Report } from "./report.ts";
import type { SloChange } from "./slo.ts";

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
  /**
   * Says whether a request may pass: asked for requests that an AuthorizationPolicy names the plugin for. The request waits, so
   * be quick, and let the mesh use answers again: `allow({ ttl: "30s", vary: ["path"] })`. Without an answer in time, and after
   * a throw, the failure policy that the policy's author chose decides.
   */
  readonly authorize?: (input: AuthorizeInput<Config>) => Decision | Promise<Decision>;
  /**
   * Shares a limit out among all proxies: asked by each of them for so many requests, which it then lets pass on its own, and
   * again before they are used up. Without an answer in time, and after a throw, the failure policy decides.
   */
  readonly ratelimit?: (input: RatelimitInput<Config>) => Lease | Promise<Lease>;
}

/** A request that an authorizer decides about, and what it works with. */
export interface AuthorizeInput<Config> extends AuthorizeRequest {
  readonly config: Config;
  /** Aborted when the mesh has given up on the answer. Pass it on to what you await. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** A request, as far as its policy shows it. */
export interface AuthorizeRequest {
  /** The caller, authenticated by mutual TLS. */
  readonly source: Caller;
  /** The service that is called. */
  readonly target: ServiceName;
  readonly method: string;
  /** Without the query, and in the one form that is also passed on: no `..`, no `//`, nothing encoded that need not be. */
  readonly path: string;
  /** Those that the policy names, in lower case; several values of one are joined by `", "`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The policy that asks, such as `"default/office-hours"`. */
  readonly policy: string;
}

/** A service by its name. */
export interface ServiceName {
  readonly namespace: string;
  readonly service: string;
}

/** A proven caller; all of it is empty without proof. */
export interface Caller extends ServiceName {
  /** SPIFFE ID, such as `"spiffe://cluster.local/ns/default/sa/web"`. */
  readonly identity: string;
}

/** A proxy's question for a share of a limit, and what the rate limiter works with. */
export interface RatelimitInput<Config> extends RatelimitRequest {
  readonly config: Config;
  /** Aborted when the mesh has given up on the answer. Pass it on to what you await. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** A proxy's question for a share of a limit. What (policy, limit, key) names is one bucket. */
export interface RatelimitRequest {
  /** The policy that asks, such as `"default/per-tenant"`. */
  readonly policy: string;
  /** The limit's name within the policy. */
  readonly limit: string;
  /** Values of the limit's `by`, in its order; empty when the limit is one for all. */
  readonly key: readonly string[];
  /** The limit as it is written: so many requests per so many milliseconds in the long run, and so many at once. */
  readonly requests: number;
  readonly perMs: number;
  readonly burst: number;
  /** The proxy that asks, authenticated: `"namespace/name/instance"`. */
  readonly holder: string;
  /** Requests that it would like to let pass until it asks again; at least 1. */
  readonly wanted: number;
  /** Granted to it before, not used, and given back with this question. */
  readonly unspent: number;
}

/** What a resolver is asked, and what it works with. */
export interface ResolveInput<Config> {
  readonly authority: Authority;
  readonly config: Config;
  /** Aborted when the mesh stops watching the authority, and when the plugin stops. Pass it on to what you await. */
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
  /** A service level objective began to burn its error budget too fast, or stopped to. */
  readonly slo?: EventHandler<SloChange, Config>;
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
  readonly authorize?: DecisionOptions;
  readonly ratelimit?: DecisionOptions;
  readonly report?: EventOptions;
  readonly endpoint?: EventOptions;
  readonly plugin?: EventOptions;
  readonly slo?: EventOptions;
}

/** Settings of the hook `resolve`. An operator may grant less. */
export interface ResolveOptions {
  /** Only authorities that end so are asked, on label borders, such as `"legacy"` for `db.legacy:80`. Default: all. */
  readonly suffixes?: readonly string[];
  /** Place in the chain: workloads 100, static services 200, DNS 900. Default 500. */
  readonly order?: number;
  /** Time to the first answer, at most 30 s. Default 2 s. */
  readonly deadline?: Duration;
  /** When this resolver fails: `"open"` asks the next resolver, `"closed"` fails the request. Default `"open"`. */
  readonly failurePolicy?: "open" | "closed";
  /** The answer depends on the client: `client` is set, and each kind of client gets its own call. Default false. */
  readonly usesContext?: boolean;
}

/** Settings of the hooks `authorize` and `ratelimit`. An operator may grant less. */
export interface DecisionOptions {
  /** Time to the answer, at most 5 s: a request waits. Default 200 ms. */
  readonly deadline?: Duration;
  /** Calls at a time from each replica of the mesh's core; those beyond count as failed. 1 to 1024, default 64. */
  readonly concurrency?: number;
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
