import type { Transport } from "@connectrpc/connect";
import type { Log } from "@patchbay/wire";
import { type Authority, parseAuthority } from "../core/authority.ts";
import type { BalancerSettings } from "../core/balancer.ts";
import { BALANCER_DEFAULTS } from "../core/settings.ts";
import type { Route, Router } from "../core/types.ts";
import { type WatchedName, watchName } from "./watched-name.ts";

export interface RouterOptions {
  /** To a living replica of destination, picked at each call. */
  readonly destination: Transport;
  /** In which single labels are taken. */
  readonly namespace: string;
  readonly log: Log;
  readonly limits?: Partial<RouterLimits>;
  readonly balancer?: Partial<BalancerSettings>;
}

export interface RouterLimits {
  /** From the first request for a name to its route, answered or not. Destination's first message leaves within 3 s. */
  readonly firstAnswerMs: number;
  /** A name that nobody asked for in this time is dropped, unless its stream is down. */
  readonly idleMs: number;
  /** Names held at a time; beyond, the one that was used least recently goes. Below destination's own limit of 1,000. */
  readonly maxNames: number;
}

export const ROUTER_LIMITS: RouterLimits = { firstAnswerMs: 3_000, idleMs: 60_000, maxNames: 900 };

export interface RunningRouter extends Router {
  /** Destination may have moved or come back: ends the waits of all names that have no stream. */
  retryNow(): void;
  names(): number;
  stop(): void;
}

/**
 * Knows where requests go: one Resolve stream per name in use. While destination is away every name keeps its last answer,
 * however long that takes; only names that were never answered are refused.
 */
export function createRouter(options: RouterOptions): RunningRouter {
  const limits = { ...ROUTER_LIMITS, ...options.limits };
  const balancer = { ...BALANCER_DEFAULTS, random: Math.random, now: () => performance.now(), ...options.balancer };
  const names = new Map<string, WatchedName>();
  // Spellings of the names that are held, so that a request costs one look-up.
  const spellings = new Map<string, WatchedName>();
  const sweeper = setInterval(sweep, Math.max(10, limits.idleMs / 6));
  sweeper.unref();

  function find(text: string): WatchedName | undefined {
    const authority = parseAuthority(text, options.namespace);
    if (authority === undefined) return undefined;
    const name = names.get(authority.canonical) ?? add(authority);
    if (spellings.size >= limits.maxNames * 2) spellings.clear();
    spellings.set(text, name);
    return name;
  }

  function add(authority: Authority): WatchedName {
    if (names.size >= limits.maxNames) dropLeastRecent();
    const name = watchName({
      authority,
      destination: options.destination,
      namespace: options.namespace,
      balancer,
      firstAnswerMs: limits.firstAnswerMs,
      log: options.log,
    });
    names.set(authority.canonical, name);
    return name;
  }

  function dropLeastRecent(): void {
    const oldest = [...names].reduce((least, entry) => (entry[1].lastUsed < least[1].lastUsed ? entry : least));
    drop(oldest[0]);
  }

  function drop(key: string): void {
    names.get(key)?.stop();
    names.delete(key);
    spellings.clear();
  }

  function sweep(): void {
    const limit = performance.now() - limits.idleMs;
    for (const [key, name] of names) if (name.lastUsed < limit && name.expendable()) drop(key);
  }

  return {
    async route(text) {
      const name = spellings.get(text) ?? find(text);
      if (name === undefined) return malformed(text);
      name.lastUsed = performance.now();
      return name.route();
    },
    retryNow() {
      for (const name of names.values()) name.retryNow();
    },
    names: () => names.size,
    stop() {
      clearInterval(sweeper);
      for (const key of names.keys()) drop(key);
    },
  };
}

function malformed(text: string): Route {
  const shown = text.slice(0, 80).replaceAll(/[^\x20-\x7e]/g, "?");
  return {
    kind: "refused",
    target: "",
    status: 400,
    reason: `"${shown}" is no authority. One looks like users, users:8080 or 10.1.2.3:80`,
  };
}
