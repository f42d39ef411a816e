import { type Authority, type Clock, serviceHost, tryParseAuthority } from "@patchbay/model";
import type { RoutedCluster } from "./routed-cluster.ts";

export interface ClusterTableOptions {
  readonly namespace: string;
  /** A name without a request in this time is dropped, unless its stream is down. */
  readonly idleMs: number;
  /** Beyond, the one that was used least recently goes. */
  readonly maxNames: number;
  readonly clock: Clock;
  watch(authority: Authority): RoutedCluster;
  /** Names have been forgotten because they were idle. */
  onForgotten(): void;
}

/** The clusters that are held, found by any spelling of their authority. */
export interface ClusterTable {
  /** A name in any spelling, watched from now on; undefined: it is no authority. */
  find(text: string): RoutedCluster | undefined;
  /** Undefined also when it is not held. */
  peek(text: string): RoutedCluster | undefined;
  all(): readonly RoutedCluster[];
  stop(): void;
}

export function createClusterTable(options: ClusterTableOptions): ClusterTable {
  const { namespace, idleMs, maxNames, clock } = options;
  const names = new Map<string, RoutedCluster>();
  // So that a request costs one look-up.
  const spellings = new Map<string, RoutedCluster>();
  const stopSweeping = clock.every(Math.max(10, idleMs / 6), sweep);

  function parse(text: string): RoutedCluster | undefined {
    const authority = tryParseAuthority(text, namespace);
    if (authority === undefined) return undefined;
    const name = names.get(authority.key) ?? add(authority);
    if (spellings.size >= maxNames * 2) spellings.clear();
    spellings.set(text, name);
    return name;
  }

  function add(authority: Authority): RoutedCluster {
    if (names.size >= maxNames) dropLeastRecent();
    const name = options.watch(authority);
    name.plain.lastUsed = clock.monotonic();
    names.set(authority.key, name);
    return name;
  }

  function dropLeastRecent(): void {
    const oldest = [...names].reduce((least, entry) => (usedAt(entry[1]) < usedAt(least[1]) ? entry : least));
    drop(oldest[0]);
  }

  function drop(key: string): void {
    names.get(key)?.plain.stop();
    names.delete(key);
    spellings.clear();
  }

  function sweep(): void {
    const limit = clock.monotonic() - idleMs;
    for (const name of names.values()) if (name.asked && usedAt(name) >= limit) name.keepWarm();
    const before = names.size;
    for (const [key, name] of names) if (usedAt(name) < limit && name.plain.expendable()) drop(key);
    if (names.size < before) options.onForgotten();
  }

  return {
    find: (text) => spellings.get(text) ?? parse(text),
    peek(text) {
      const authority = tryParseAuthority(text, namespace);
      return authority === undefined ? undefined : names.get(authority.key);
    },
    all: () => [...names.values()],
    stop() {
      stopSweeping();
      for (const key of names.keys()) drop(key);
    },
  };
}

function usedAt({ plain }: RoutedCluster): number {
  return plain.lastUsed;
}

/** Hosts in full of the services that programs have asked for: their outbound rules are needed. */
export function askedHosts(names: readonly RoutedCluster[]): ReadonlySet<string> {
  const services = names.filter((name) => name.asked).map(({ plain }) => plain.authority.service);
  return new Set(services.filter((service) => service !== undefined).map(serviceHost));
}
