import type { Authority } from "@patchbay/model";
import { anyClient, type ClientKey } from "./client-key.ts";
import { evaluate } from "./evaluate.ts";
import { ask, hear, type QueryState, type ResolverEvent } from "./query.ts";
import type { Evaluation } from "./resolution.ts";
import { type ResolverSpec, sortResolvers } from "./resolver-spec.ts";

/** One link, to be asked for one authority. However many watches need it, it is one question. */
export interface Query {
  readonly id: string;
  readonly link: string;
  readonly authority: Authority;
  /** `anyone` unless the link's answer depends on who asks. */
  readonly asker: ClientKey;
}

/** An authority that is kept evaluated. */
export interface Watched {
  readonly authority: Authority;
  readonly asker: ClientKey;
  /** The latest; undefined before the first `settle`. */
  readonly evaluation: Evaluation | undefined;
}

/** What has to be done, and what came of it. */
export interface Settled {
  readonly opened: readonly Query[];
  /** Ids of questions that nobody needs any more. */
  readonly closed: readonly string[];
  /** Evaluated anew; the result may be the same. */
  readonly evaluated: readonly Watched[];
}

/**
 * The chain as a state machine without I/O: told what happens and when, it keeps watched authorities evaluated, evaluates only
 * what an event or the time touches, and says which questions to open and to close.
 */
export interface Chain {
  setLinks(links: readonly ResolverSpec[]): void;
  /** In order. */
  links(): readonly ResolverSpec[];
  watch(authority: Authority, asker: ClientKey): Watched;
  unwatch(watched: Watched): void;
  /** Takes in what a link says; ignored when the question is closed. */
  hear(questionId: string, event: ResolverEvent, now: number): void;
  settle(now: number): Settled;
  /** When `settle` is due without any event; Infinity: never. */
  dueAt(): number;
  /** How many questions a link holds. */
  questionsOf(link: string): number;
}

interface Root {
  readonly authority: Authority;
  readonly asker: ClientKey;
  evaluation: Evaluation | undefined;
  questions: ReadonlySet<string>;
}

interface Open {
  readonly question: Query;
  readonly roots: Set<Root>;
  state: QueryState;
}

interface State {
  links: readonly ResolverSpec[];
  readonly roots: Map<Watched, Root>;
  readonly dirty: Set<Root>;
  /** Those that time alone may change. */
  readonly timed: Set<Root>;
  readonly open: Map<string, Open>;
  readonly counts: Map<string, number>;
  /** Questions that may have lost their last root. */
  readonly suspects: Set<string>;
}

export function createChain(): Chain {
  const state: State = {
    links: [],
    roots: new Map(),
    dirty: new Set(),
    timed: new Set(),
    open: new Map(),
    counts: new Map(),
    suspects: new Set(),
  };
  return {
    setLinks(links) {
      state.links = sortResolvers(links);
      for (const root of state.roots.values()) state.dirty.add(root);
    },
    links: () => state.links,
    watch(authority, asker) {
      const root: Root = { authority, asker, evaluation: undefined, questions: new Set() };
      state.roots.set(root, root);
      state.dirty.add(root);
      return root;
    },
    unwatch(watched) {
      const root = state.roots.get(watched);
      if (root) forget(state, root);
    },
    hear(questionId, event, now) {
      const open = state.open.get(questionId);
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
    questionsOf: (link) => state.counts.get(link) ?? 0,
  };
}

function forget(state: State, root: Root): void {
  for (const set of [state.roots, state.dirty, state.timed]) set.delete(root);
  release(state, root, root.questions);
  root.questions = new Set();
}

function settle(state: State, now: number): Settled {
  for (const root of state.timed) if ((root.evaluation?.until ?? 0) <= now) state.dirty.add(root);
  const evaluated = [...state.dirty];
  state.dirty.clear();
  const opened = evaluated.flatMap((root) => evaluateRoot(state, root, now));
  return { evaluated, opened, closed: closeUnused(state) };
}

/** Evaluates, and opens the questions that this needs and that are not open yet. */
function evaluateRoot(state: State, root: Root, now: number): readonly Query[] {
  const needed = new Map<string, Query>();
  const evaluation = evaluate({
    authority: root.authority,
    links: state.links,
    now,
    lookup(link, authority) {
      // Whoever watches for anyone cannot put a question whose answer depends on who asks.
      if (link.usesContext && root.asker === anyClient) return undefined;
      const question = questionOf(link, authority, root.asker);
      needed.set(question.id, question);
      return state.open.get(question.id)?.state;
    },
  });
  root.evaluation = evaluation;
  if (evaluation.until === Number.POSITIVE_INFINITY) state.timed.delete(root);
  else state.timed.add(root);
  const before = root.questions;
  root.questions = new Set(needed.keys());
  release(
    state,
    root,
    [...before].filter((id) => !needed.has(id)),
  );
  return [...needed.values()].filter((question) => hold(state, root, { question, now }));
}

function questionOf(link: ResolverSpec, authority: Authority, asker: ClientKey): Query {
  const who = link.usesContext ? asker : anyClient;
  return { id: `${link.name} ${authority.key} ${who.key}`, link: link.name, authority, asker: who };
}

/** True when the question is new. */
function hold(state: State, root: Root, { question, now }: { question: Query; now: number }): boolean {
  const open = state.open.get(question.id);
  if (open) {
    open.roots.add(root);
    return false;
  }
  state.open.set(question.id, { question, roots: new Set([root]), state: ask(now) });
  state.counts.set(question.link, (state.counts.get(question.link) ?? 0) + 1);
  return true;
}

function release(state: State, root: Root, ids: Iterable<string>): void {
  for (const id of ids) {
    const open = state.open.get(id);
    if (open?.roots.delete(root) && open.roots.size === 0) state.suspects.add(id);
  }
}

/** Closes questions at the end of a settlement: one that another root took over meanwhile stays open. */
function closeUnused(state: State): readonly string[] {
  const closed = [...state.suspects].filter((id) => state.open.get(id)?.roots.size === 0);
  state.suspects.clear();
  for (const id of closed) {
    const link = state.open.get(id)?.question.link ?? "";
    state.open.delete(id);
    const left = (state.counts.get(link) ?? 1) - 1;
    if (left > 0) state.counts.set(link, left);
    else state.counts.delete(link);
  }
  return closed;
}
