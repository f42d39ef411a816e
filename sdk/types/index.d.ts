import type {
  AbsentAnswer,
  AbsentOptions,
  EmptyAnswer,
  Endpoint,
  EndpointsAnswer,
  RewriteAnswer,
  SplitAnswer,
  SplitTarget,
} from "../src/public/answer.ts";
import type { ConfigSchema } from "../src/public/config.ts";
import type {
  AllowDecision,
  DenyDecision,
  DenyOptions,
  GrantOptions,
  LeaseGrant,
  LeaseRefusal,
  RefuseOptions,
  ReuseOptions,
} from "../src/public/decision.ts";
import type { Duration } from "../src/public/duration.ts";
import type { Plugin, PluginDefinition } from "../src/public/plugin.ts";
import type { Served, ServeOptions } from "../src/public/serve.ts";

export type * from "../src/public/answer.ts";
export type * from "../src/public/authority.ts";
export type * from "../src/public/config.ts";
export type * from "../src/public/decision.ts";
export type * from "../src/public/duration.ts";
export type * from "../src/public/log.ts";
export type * from "../src/public/plugin.ts";
export type * from "../src/public/report.ts";
export type * from "../src/public/serve.ts";
export type * from "../src/public/slo.ts";

/**
 * Checks a plugin's definition and returns it for `serve()`, `startTest()` and the entry file's default export.
 * Throws one PluginMistake that names everything that is wrong, with the place in your file.
 */
export declare function definePlugin<const S extends ConfigSchema>(definition: PluginDefinition<S>): Plugin;

/**
 * Serves a plugin: hooks on a free port, with health, reflection and `/metrics`; announces it to the mesh and renews its
 * lease; reads its events. Rejects when the port cannot be bound.
 */
export declare function serve(plugin: Plugin, options?: ServeOptions): Promise<Served>;

/**
 * These addresses serve the authority. Each is `"10.0.0.1:80"`, `"[fd00::1]:80"` or an object with `address` and `port`.
 * At least one, at most 10,000; say `empty()` when there is none.
 */
export declare function endpoints(list: Iterable<string | Endpoint>): EndpointsAnswer;

/** The authority exists but has no endpoints: the chain stops, requests fail with 503. */
export declare function empty(): EmptyAnswer;

/** Not mine: the next resolver of the chain is asked. With `ttl` the mesh caches the answer for so long instead of watching. */
export declare function absent(options?: AbsentOptions): AbsentAnswer;

/** The chain starts again under another authority, such as `"web"` or `"users.v2:8080"`. At most 16 deep. */
export declare function rewrite(authority: string): RewriteAnswer;

/** Divides requests: `split([{ authority: "users-v1", weight: 9 }, { authority: "users-v2", weight: 1 }])`. At most 64. */
export declare function split(targets: readonly SplitTarget[]): SplitAnswer;

/** The request may pass: `allow()` this one, `allow({ ttl: "30s", vary: ["path"] })` every one that is equal in these. */
export declare function allow(options?: ReuseOptions): AllowDecision;

/** The request is refused with 403 and this reason: `deny("closed at night")`. */
export declare function deny(reason?: string, options?: DenyOptions): DenyDecision;

/** So many requests may pass until the time is over; at most as many as were wanted. `grant(1)` lets one pass now. */
export declare function grant(requests: number, options?: GrantOptions): LeaseGrant;

/** No request may pass; the proxy asks again after the time. */
export declare function refuse(options?: RefuseOptions): LeaseRefusal;

/** `throw permanent("the account is closed")`: trying again will not help. An event goes to the dead letters, a question fails. */
export declare function permanent(why: string): PermanentError;

/** `throw retry("5s")`: try again after this time, at most one hour. `why` is shown to people. */
export declare function retry(after: Duration, why?: string): RetryError;

/** What `permanent()` makes. */
export declare class PermanentError extends Error {
  readonly name: "PermanentError";
}

/** What `retry()` makes. */
export declare class RetryError extends Error {
  constructor(afterMs: number, message: string);
  readonly name: "RetryError";
  readonly afterMs: number;
}

/** Something in the plugin's own code is wrong. One line: what, what to do instead, where. */
export declare class PluginMistake extends Error {
  constructor(what: string, options?: { readonly place?: string | undefined; readonly hint?: string | undefined });
  readonly name: "PluginMistake";
  /** Such as `"src/plugin.ts:12:5"`. */
  readonly place: string | undefined;
}

/** Configuration does not fit the plugin's schema. The message lists every problem. */
export declare class ConfigError extends Error {
  readonly name: "ConfigError";
}
