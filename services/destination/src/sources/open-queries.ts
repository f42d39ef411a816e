import type { Query } from "../core/chain.ts";
import type { ResolverEvent } from "../core/query.ts";
import type { OnResolverEvent } from "./resolver.ts";

/** Open queries to a resolver that has all of its data in memory, by a key that the resolver chooses. */
export interface OpenQueries {
  ask(key: string, query: Query, tell: OnResolverEvent): () => void;
  /** Answers the queries of these keys again; without keys, all. */
  answerAgain(keys?: Iterable<string>): void;
}

export function createOpenQueries(answer: (query: Query) => ResolverEvent): OpenQueries {
  const byKey = new Map<string, Map<Query, OnResolverEvent>>();
  const answerOne = (queries: ReadonlyMap<Query, OnResolverEvent> | undefined): void => {
    for (const [query, tell] of queries ?? []) tell(answer(query));
  };
  return {
    ask(key, query, tell) {
      const queries = byKey.get(key) ?? new Map<Query, OnResolverEvent>();
      byKey.set(key, queries.set(query, tell));
      tell(answer(query));
      return () => {
        queries.delete(query);
        if (queries.size === 0 && byKey.get(key) === queries) byKey.delete(key);
      };
    },
    answerAgain(keys = byKey.keys()) {
      for (const key of keys) answerOne(byKey.get(key));
    },
  };
}
