import type { Authority } from "@patchbay/model";
import { anyClient, type ClientKey } from "./client-key.ts";
import { evaluate } from "./evaluate.ts";
import { ask, hear, type QueryState, type ResolverEvent } from "./query.ts";
import type { Evaluation } from "./resolution.ts";
import { type ResolverSpec, sortResolvers } from "./resolver-spec.ts";

/** One resolver, asked for one authority. All watches that need it share it. */
export interface Query {
  readonly id: string;
  readonly resolver: string;
  readonly authority: Authority;
  /** `anyClient` unless the resolver's answer depends on the client context. */
  readonly asker: ClientKey;
}

/** An authority that is kept evaluated. */
export interface Watched {
  readonly authority: Authority;
  readonly asker: ClientKey;
  /** The latest; undefined before the first `settle`. */
  readonly evaluation: Evaluation | undefined;
}

/** What a settlement opened, closed and evaluated. */
export interface Settled {
  readonly opened: readonly Query[];
  /** Ids of queries that no watch needs any more. */
  readonly closed: readonly string[];
  /** Evaluated anew; the result may be the same. */
  readonly evaluated: readonly Watched[];
}

/**
 * The chain as a state machine without I/O. From events and the time it keeps watched authorities evaluated, evaluates only
 * those that an event or a deadline touches, and returns the queries to open and to close.
 */
export interface Chain {
  setResolvers(resolvers: readonly ResolverSpec[]): void;
  /** In order. */
  resolvers(): readonly ResolverSpec[];
  watch(authority: Authority, asker: ClientKey): Watched;
  unwatch(watched: Watched): void;
  /** Takes in a resolver's event; ignored when the query is closed. */
  hear(queryId: string, event: ResolverEvent, now: number): void;
  settle(now: number): Settled;
  /** When `settle` is due without any event; Infinity: never. */
  dueAt(): number;
  /** Number of open queries to a resolver. */
  queriesOf(resolver: string): number;
}

interface Root {
  readonly authority: Authority;
  readonly asker: ClientKey;
  evaluation: Evaluation | undefined;
  queries: ReadonlySet<string>;
}

interface Open {
  readonly query: Query;
  readonly roots: Set<Root>;
  state: QueryState;
}

interface State {
  resolvers: readonly ResolverSpec[];
  readonly roots: Map<Watched, Root>;
  readonly dirty: Set<Root>;
  /** Roots whose evaluation expires without an event. */
  readonly timed: Set<Root>;
  readonly open: Map<string, Open>;
  readonly counts: Map<string, number>;
  /** Queries that may have lost their last root. */
  readonly suspects: Set<string>;
}

export function createChain(): Chain {
  const state: State = {
    resolvers: [],
    roots: new Map(),
    dirty: new Set(),
    timed: new Set(),
    open: new Map(),
    counts: new Map(),
    suspects: new Set(),
  };
  return {
    setResolvers(resolvers) {
      state.resolvers = sortResolvers(resolvers);
      for (const root of state.roots.values()) state.dirty.add(root);
    },
    resolvers: () => state.resolvers,
    watch(authority, asker) {
      const root: Root = { authority, asker, evaluation: undefined, queries: new Set() };
      state.roots.set(root, root);
      state.dirty.add(root);
      return root;
    },
    unwatch(watched) {
      const root = state.roots.get(watched);
      if (root) forget(state, root);
    },
    hear(queryId, event, now) {
      const open = state.open.get(queryId);
      if (!open) return;
      open.state = hear(open.state, event, now);
      for (const root of open.roots) state.dirty.add(root);
    },
    settle: (now) => settle(state, now),
    dueAt() {
      let due = Number.POSITIVE_INFINITY;
      for (const { evaluation } of state.timed) due = Math.min(due, evaluation?.until ?? due);
      return due;
    },
    queriesOf: (resolver) => state.counts.get(resolver) ?? 0,
  };
}

function forget(state: State, root: Root): void {
  for (const set of [state.roots, state.dirty, state.timed]) set.delete(root);
  release(state, root, root.queries);
  root.queries = new Set();
}

function settle(state: State, now: number): Settled {
  for (const root of state.timed) if ((root.evaluation?.until ?? 0) <= now) state.dirty.add(root);
  const evaluated = [...state.dirty];
  state.dirty.clear();
  const opened = evaluated.flatMap((root) => evaluateRoot(state, root, now));
  return { evaluated, opened, closed: closeUnused(state) };
}

/** Evaluates, and opens the queries that it needs and that are not open yet. */
function evaluateRoot(state: State, root: Root, now: number): readonly Query[] {
  const needed = new Map<string, Query>();
  const evaluation = evaluate({
    authority: root.authority,
    resolvers: state.resolvers,
    now,
    lookup(resolver, authority) {
      // A watch without a client context cannot ask a resolver whose answer depends on one.
      if (resolver.usesContext && root.asker === anyClient) return undefined;
      const query = queryOf(resolver, authority, root.asker);
      needed.set(query.id, query);
      return state.open.get(query.id)?.state;
    },
  });
  root.evaluation = evaluation;
  if (evaluation.until === Number.POSITIVE_INFINITY) state.timed.delete(root);
  else state.timed.add(root);
  const before = root.queries;
  root.queries = new Set(needed.keys());
  release(
    state,
    root,
    [...before].filter((id) => !needed.has(id)),
  );
  return [...needed.values()].filter((query) => hold(state, root, { query, now }));
}

function queryOf(resolver: ResolverSpec, authority: Authority, asker: ClientKey): Query {
  const who = resolver.usesContext ? asker : anyClient;
  return { id: `${resolver.name} ${authority.key} ${who.key}`, resolver: resolver.name, authority, asker: who };
}

/** True when the query is new. */
function hold(state: State, root: Root, { query, now }: { query: Query; now: number }): boolean {
  const open = state.open.get(query.id);
  if (open) {
    open.roots.add(root);
    return false;
  }
  state.open.set(query.id, { query, roots: new Set([root]), state: ask(now) });
  state.counts.set(query.resolver, (state.counts.get(query.resolver) ?? 0) + 1);
  return true;
}

function release(state: State, root: Root, ids: Iterable<string>): void {
  for (const id of ids) {
    const open = state.open.get(id);
    if (open?.roots.delete(root) && open.roots.size === 0) state.suspects.add(id);
  }
}

/** Closes queries at the end of a settlement: one that another root took over meanwhile stays open. */
function closeUnused(state: State): readonly string[] {
  const closed = [...state.suspects].filter((id) => state.open.get(id)?.roots.size === 0);
  state.suspects.clear();
  for (const id of closed) {
    const resolver = state.open.get(id)?.query.resolver ?? "";
    state.open.delete(id);
    const left = (state.counts.get(resolver) ?? 1) - 1;
    if (left > 0) state.counts.set(resolver, left);
    else state.counts.delete(resolver);
  }
  return closed;
}
