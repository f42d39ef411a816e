import { type Authority, serviceHost, tryParseAuthority } from "@patchbay/model";
import type { SteeredName } from "./steered-name.ts";

export interface NameTableOptions {
  readonly namespace: string;
  /** A name that nobody asked for in this time is dropped, unless its stream is down. */
  readonly idleMs: number;
  /** Beyond, the one that was used least recently goes. */
  readonly maxNames: number;
  watch(authority: Authority): SteeredName;
  /** Names have been forgotten because they were idle. */
  onForgotten(): void;
}

/** The names that are held, found by any of their spellings. */
export interface NameTable {
  /** A name in whatever spelling, watched from now on; undefined: it is no authority. */
  find(text: string): SteeredName | undefined;
  /** Undefined also when it is not held. */
  peek(text: string): SteeredName | undefined;
  all(): readonly SteeredName[];
  stop(): void;
}

export function createNameTable(options: NameTableOptions): NameTable {
  const { namespace, idleMs, maxNames } = options;
  const names = new Map<string, SteeredName>();
  // So that a request costs one look-up.
  const spellings = new Map<string, SteeredName>();
  const sweeper = setInterval(sweep, Math.max(10, idleMs / 6));
  sweeper.unref();

  function parse(text: string): SteeredName | undefined {
    const authority = tryParseAuthority(text, namespace);
    if (authority === undefined) return undefined;
    const name = names.get(authority.key) ?? add(authority);
    if (spellings.size >= maxNames * 2) spellings.clear();
    spellings.set(text, name);
    return name;
  }

  function add(authority: Authority): SteeredName {
    if (names.size >= maxNames) dropLeastRecent();
    const name = options.watch(authority);
    name.plain.lastUsed = performance.now();
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
    const limit = performance.now() - idleMs;
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
      clearInterval(sweeper);
      for (const key of names.keys()) drop(key);
    },
  };
}

function usedAt({ plain }: SteeredName): number {
  return plain.lastUsed;
}

/** Hosts in full of the services that programs have asked for: those whose rules are wanted. */
export function askedHosts(names: readonly SteeredName[]): ReadonlySet<string> {
  const services = names.filter((name) => name.asked).map(({ plain }) => plain.authority.service);
  return new Set(services.filter((service) => service !== undefined).map(serviceHost));
}
