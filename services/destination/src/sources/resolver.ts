import type { Query } from "../core/chain.ts";
import type { ResolverEvent } from "../core/query.ts";
import type { ResolverSpec } from "../core/resolver-spec.ts";

/** Receives a resolver's events about one query. */
export type OnResolverEvent = (event: ResolverEvent) => void;

/** A source of answers, as the watches use it. Compared by identity: the same resolver is the same object. */
export interface Resolver {
  readonly spec: ResolverSpec;
  /** Suffixes of the authorities that it is asked for; empty: all. */
  readonly suffixes: readonly string[];
  /** A resolver that is not ready is still asked. `reason` may hold a remark even while ready. */
  status(): { readonly ready: boolean; readonly reason: string };
  /** Begins to answer, possibly at once. Returns a function that stops it. */
  ask(query: Query, tell: OnResolverEvent): () => void;
}
