/** What a plugin may ask of one kind of hook, and gets when it does not say. */
export interface HookKind {
  readonly maxDeadlineMs: number;
  /** Calls at a time and replica of the core. 0: the kind is not counted so, since its calls are streams that stay open. */
  readonly maxConcurrency: number;
  readonly concurrency: number;
  /** A link of the chain of resolvers: has a place, suffixes, and a failure policy of its own. */
  readonly inChain: boolean;
}

/** A request waits for these, so they get less time than a resolver. */
const deciding: HookKind = { maxDeadlineMs: 5_000, maxConcurrency: 1_024, concurrency: 64, inChain: false };

/** Hooks of contract version 1. */
export const HOOK_KINDS: ReadonlyMap<string, HookKind> = new Map([
  ["resolve", { maxDeadlineMs: 30_000, maxConcurrency: 0, concurrency: 0, inChain: true }],
  ["authorize", deciding],
  ["ratelimit", deciding],
]);

/** Time that a hook gets for its answer when it decides about requests and does not say. */
export const DECISION_DEADLINE_MS = 200;
