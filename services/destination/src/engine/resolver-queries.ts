import { errorMessage } from "@patchbay/model";
import type { Log } from "@patchbay/wire";
import type { Chain, Settled } from "../core/chain.ts";
import type { Resolver } from "../sources/resolver.ts";

export interface ResolverQueriesOptions {
  readonly chain: Chain;
  readonly log: Log;
  now(): number;
  /** A resolver sent an event, so the chain needs to be settled soon. */
  onNews(): void;
}

/** Puts the chain's queries to the resolvers and passes their events to the chain. */
export interface ResolverQueries {
  setResolvers(resolvers: readonly Resolver[]): void;
  resolvers(): readonly Resolver[];
  /** Settles the chain until nothing more follows at once. */
  settle(): Settled["evaluated"];
  stop(): void;
}

/** Resolvers that answer at once may lead to further queries, at most MAX_DEPTH deep; more turns would be a bug. */
const MAX_TURNS = 100;

export function createResolverQueries({ chain, log, now, onNews }: ResolverQueriesOptions): ResolverQueries {
  let resolvers = new Map<string, Resolver>();
  const closers = new Map<string, () => void>();
  const open = (query: Settled["opened"][number]): void => {
    const resolver = resolvers.get(query.resolver);
    try {
      const close = resolver?.ask(query, (event) => {
        chain.hear(query.id, event, now());
        onNews();
      });
      if (close) closers.set(query.id, close);
    } catch (error) {
      // A resolver that throws must not affect the others.
      log.error({ resolver: query.resolver, error }, "resolver could not be asked");
      chain.hear(query.id, { kind: "broken", reason: errorMessage(error), hard: true }, now());
    }
  };
  const turn = (evaluated: Set<Settled["evaluated"][number]>): boolean => {
    const settled = chain.settle(now());
    for (const id of settled.closed) {
      closers.get(id)?.();
      closers.delete(id);
    }
    for (const watched of settled.evaluated) evaluated.add(watched);
    for (const query of settled.opened) open(query);
    return settled.evaluated.length > 0;
  };
  return {
    setResolvers(next) {
      resolvers = new Map(next.map((resolver) => [resolver.spec.name, resolver]));
      chain.setResolvers(next.map((resolver) => resolver.spec));
    },
    resolvers: () => [...resolvers.values()],
    settle() {
      const evaluated = new Set<Settled["evaluated"][number]>();
      for (let turns = 0; turns < MAX_TURNS; turns++) if (!turn(evaluated)) break;
      return [...evaluated];
    },
    stop() {
      for (const close of closers.values()) close();
      closers.clear();
    },
  };
}
