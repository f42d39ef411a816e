import type { Authority } from "@patchbay/model";
import type { ClientContext } from "@patchbay/proto/mesh/common/v1/client_pb";
import type { Settings } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import { createChain, type Watched } from "../core/chain.ts";
import { anyClient, type ClientKey, clientKey } from "../core/client-key.ts";
import type { Evaluation } from "../core/resolution.ts";
import type { Resolver } from "../sources/resolver.ts";
import { createResolverQueries } from "./resolver-queries.ts";
import { encodeUpdate, sameResolution, type Update } from "./update.ts";

export interface WatchesOptions {
  readonly settings: Pick<Settings, "firstAnswerMs" | "coalesceMs" | "lingerMs">;
  readonly log: Log;
  now(): number;
  /** A watched authority has another answer. Not called for incomplete ones. */
  onChange(authority: Authority, update: Update): void;
}

/** Receives the updates of an authority: the current one first, each one once. Must not throw. */
export interface Subscriber {
  deliver(update: Update): void;
}

/** An authority's resolution with its explanation, both from the same evaluation. */
export interface Explained {
  readonly update: Update;
  readonly evaluation: Evaluation;
  readonly watchers: number;
}

/**
 * Watched authorities and their subscribers. An authority is evaluated and encoded once for all of its subscribers, and stays
 * watched for a while after the last one left.
 */
export interface Watches {
  /** Delivers at once when there is an update, else as soon as there is one. Returns the unsubscribe function. */
  subscribe(authority: Authority, context: ClientContext, subscriber: Subscriber): () => void;
  /** What a subscriber with this context holds; without one, watches the authority until it has an answer. */
  explain(authority: Authority, context: ClientContext): Promise<Explained>;
  /** Replaces all resolvers. */
  setResolvers(resolvers: readonly Resolver[]): void;
  /** In the order in which their answers count, with the number of authorities that each is asked for. */
  resolvers(): readonly { readonly resolver: Resolver; readonly watched: number }[];
  count(): { readonly authorities: number; readonly subscribers: number };
  stop(): void;
}

interface Watch {
  readonly entry: Entry;
  readonly watched: Watched;
  readonly asker: ClientKey;
  readonly subscriptions: Set<Subscription>;
  /** What all subscribers hold. */
  update: Update | undefined;
  /** The evaluation that `update` encodes. */
  encoded: Evaluation | undefined;
  /** Since when an undecided evaluation has been held back. */
  undecidedSince: number | undefined;
  linger: NodeJS.Timeout | undefined;
}

/** One authority: a single watch, unless a resolver's answer depends on the client context. */
interface Entry {
  readonly authority: Authority;
  readonly watches: Map<string, Watch>;
  contextual: boolean;
}

interface Subscription {
  readonly subscriber: Subscriber;
  readonly context: ClientContext;
  watch: Watch;
}

/**
 * Watches kept without a subscriber. Beyond that the oldest are dropped at once: no client's quota counts them, so a client that
 * asks briefly for one new name after another must not make them grow.
 */
const MAX_LINGERING = 1_000;

/** Messages are sent a little before the deadline, so that they arrive within it. */
const FIRST_ANSWER_SHARE = 0.9;

export function createWatches(options: WatchesOptions): Watches {
  return new WatchTable(options);
}

class WatchTable implements Watches {
  readonly #options: WatchesOptions;
  readonly #chain = createChain();
  readonly #queries;
  readonly #entries = new Map<string, Entry>();
  readonly #watchOf = new Map<Watched, Watch>();
  readonly #undecided = new Set<Watch>();
  /** Oldest first. */
  readonly #lingering = new Set<Watch>();
  readonly #holdMs: number;
  #soon: NodeJS.Timeout | undefined;
  #due: NodeJS.Timeout | undefined;
  #settling = false;
  #subscribers = 0;

  constructor(options: WatchesOptions) {
    this.#options = options;
    this.#holdMs = options.settings.firstAnswerMs * FIRST_ANSWER_SHARE;
    const { log, now } = options;
    this.#queries = createResolverQueries({ chain: this.#chain, log, now, onNews: () => this.#settleSoon() });
  }

  subscribe(authority: Authority, context: ClientContext, subscriber: Subscriber): () => void {
    const entry = this.#entry(authority);
    const watch = this.#watch(entry, context);
    const subscription: Subscription = { subscriber, context, watch };
    this.#subscribers += 1;
    this.#join(subscription, watch);
    if (watch.update) subscriber.deliver(watch.update);
    else if (!watch.watched.evaluation) this.#settle();
    return () => {
      if (!subscription.watch.subscriptions.has(subscription)) return;
      this.#subscribers -= 1;
      this.#leave(subscription);
    };
  }

  async explain(authority: Authority, context: ClientContext): Promise<Explained> {
    const first = Promise.withResolvers<Update>();
    const leave = this.subscribe(authority, context, { deliver: first.resolve });
    try {
      await first.promise;
      const watch = this.#watch(this.#entry(authority), context);
      const { update, watched } = watch;
      if (!update || !watched.evaluation)
        throw new Error(`${authority.key} has no evaluation though it has been delivered`);
      return { update, evaluation: watched.evaluation, watchers: watch.subscriptions.size - 1 };
    } finally {
      leave();
    }
  }

  setResolvers(resolvers: readonly Resolver[]): void {
    this.#queries.setResolvers(resolvers);
    this.#settle();
  }

  resolvers(): readonly { readonly resolver: Resolver; readonly watched: number }[] {
    const byName = new Map(this.#queries.resolvers().map((resolver) => [resolver.spec.name, resolver]));
    return this.#chain.resolvers().flatMap(({ name }) => {
      const resolver = byName.get(name);
      return resolver ? [{ resolver, watched: this.#chain.queriesOf(name) }] : [];
    });
  }

  count(): { authorities: number; subscribers: number } {
    return { authorities: this.#entries.size, subscribers: this.#subscribers };
  }

  stop(): void {
    clearTimeout(this.#soon);
    clearTimeout(this.#due);
    for (const watch of this.#lingering) clearTimeout(watch.linger);
    this.#queries.stop();
  }

  #entry(authority: Authority): Entry {
    const known = this.#entries.get(authority.key);
    if (known) return known;
    const entry: Entry = { authority, watches: new Map(), contextual: false };
    this.#entries.set(authority.key, entry);
    return entry;
  }

  #watch(entry: Entry, context: ClientContext): Watch {
    const who = entry.contextual ? clientKey(context) : anyClient;
    const known = entry.watches.get(who.key);
    if (known) return known;
    const watched = this.#chain.watch(entry.authority, who);
    const watch: Watch = {
      entry,
      watched,
      asker: who,
      subscriptions: new Set(),
      update: undefined,
      encoded: undefined,
      undecidedSince: undefined,
      linger: undefined,
    };
    entry.watches.set(who.key, watch);
    this.#watchOf.set(watched, watch);
    return watch;
  }

  #join(subscription: Subscription, watch: Watch): void {
    this.#keep(watch);
    watch.subscriptions.add(subscription);
    subscription.watch = watch;
  }

  #leave(subscription: Subscription): void {
    const { watch } = subscription;
    watch.subscriptions.delete(subscription);
    if (watch.subscriptions.size > 0) return;
    watch.linger = setTimeout(() => this.#drop(watch), this.#options.settings.lingerMs).unref();
    this.#lingering.add(watch);
    const [oldest] = this.#lingering;
    if (oldest && this.#lingering.size > MAX_LINGERING) this.#drop(oldest);
  }

  #keep(watch: Watch): void {
    clearTimeout(watch.linger);
    watch.linger = undefined;
    this.#lingering.delete(watch);
  }

  #drop(watch: Watch): void {
    const { entry, watched } = watch;
    this.#keep(watch);
    this.#chain.unwatch(watched);
    this.#watchOf.delete(watched);
    this.#undecided.delete(watch);
    entry.watches.delete(watch.asker.key);
    if (entry.watches.size === 0) this.#entries.delete(entry.authority.key);
    this.#settle();
  }

  #settleSoon(): void {
    // During a settlement its next turn takes up new events.
    if (this.#settling) return;
    this.#soon ??= setTimeout(() => this.#settle(), this.#options.settings.coalesceMs);
  }

  #settle(): void {
    if (this.#settling) return this.#settleSoon();
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const touched = this.#evaluate();
    const now = this.#options.now();
    for (const watch of this.#undecided) touched.add(watch);
    for (const watch of touched) this.#consider(watch, now);
    this.#arm(now);
  }

  /** Watches with a new evaluation. */
  #evaluate(): Set<Watch> {
    this.#settling = true;
    try {
      const evaluated = this.#queries.settle().map((watched) => this.#watchOf.get(watched));
      return new Set(evaluated.filter((watch): watch is Watch => watch !== undefined));
    } finally {
      this.#settling = false;
    }
  }

  /** Publishes a watch's evaluation, or holds it back while resolvers have not answered. */
  #consider(watch: Watch, now: number): void {
    const { evaluation } = watch.watched;
    if (!evaluation || !this.#watchOf.has(watch.watched)) return;
    if (evaluation.usesContext && watch.asker === anyClient) return this.#splitByContext(watch.entry);
    if (evaluation.pending) {
      watch.undecidedSince ??= now;
      this.#undecided.add(watch);
      if (now < watch.undecidedSince + this.#holdMs) return;
    } else {
      watch.undecidedSince = undefined;
      this.#undecided.delete(watch);
    }
    this.#publish(watch, evaluation);
  }

  #publish(watch: Watch, evaluation: Evaluation): void {
    const { authority } = watch.entry;
    if (watch.encoded && sameResolution(watch.encoded, evaluation)) return;
    watch.encoded = evaluation;
    const update = encodeUpdate(authority.key, evaluation);
    if (update.version === watch.update?.version) return;
    watch.update = update;
    for (const { subscriber } of watch.subscriptions) subscriber.deliver(update);
    if (!update.message.incomplete) this.#options.onChange(authority, update);
  }

  /** Watches this authority separately for each context from now on. */
  #splitByContext(entry: Entry): void {
    const shared = entry.watches.get(anyClient.key);
    entry.contextual = true;
    if (!shared) return;
    for (const subscription of shared.subscriptions) this.#join(subscription, this.#watch(entry, subscription.context));
    shared.subscriptions.clear();
    this.#settleSoon();
    this.#drop(shared);
  }

  /** One timer for everything that is due without an event. */
  #arm(now: number): void {
    clearTimeout(this.#due);
    let due = this.#chain.dueAt();
    for (const { undecidedSince } of this.#undecided) {
      const release = (undecidedSince ?? now) + this.#holdMs;
      if (release > now) due = Math.min(due, release);
    }
    if (due === Number.POSITIVE_INFINITY) return;
    this.#due = setTimeout(() => this.#settle(), Math.max(1, due - now)).unref();
  }
}
