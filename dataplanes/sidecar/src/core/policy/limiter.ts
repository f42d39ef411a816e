import { durationMs } from "@bufbuild/protobuf/wkt";
import { createLruCache, createTokenBucket, type LruCache, type TokenBucket } from "@patchbay/model";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import type { RateLimit } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { type MatchedLimit, policyName } from "@patchbay/rules";
import type { OnOpen } from "./external-authorization.ts";
import type { Grant } from "./lease.ts";
import { createLeaseSpender, type LeaseQuestion, type LeaseState, type Spent } from "./lease-spender.ts";

/** Why a request may not pass. */
export type RateLimited =
  | { readonly kind: "limited"; readonly policy: string; readonly retryAfterMs: number }
  | { readonly kind: "undecided"; readonly policy: string };

/** Question about a share of a limit, for the plugin of its policy. */
export interface ShareQuestion extends LeaseQuestion {
  readonly matched: MatchedLimit;
}

export interface LimiterOptions {
  /** Asks the plugin. Rejects when it cannot be asked in time. */
  ask(question: ShareQuestion, amount: { readonly wanted: number; readonly unspent: number }): Promise<Grant>;
  /** Milliseconds, monotonic. */
  now(): number;
}

export interface Limiter {
  /** Takes one from each limit. A promise only when a plugin has to be asked; it never rejects. */
  take(matched: readonly MatchedLimit[], onOpen: OnOpen): RateLimited | undefined | Promise<RateLimited | undefined>;
  /** How a limit stands, without spending. */
  state(matched: MatchedLimit): LeaseState;
  /** Buckets that were pushed out by others. */
  evicted(): number;
}

/**
 * Combinations of values beyond that push out the bucket that was used least recently: most likely it is full again, and then
 * nothing is lost with it.
 */
const MAX_BUCKETS = 10_000;

export function createLimiter({ ask, now }: LimiterOptions): Limiter {
  /** Of limits by proven identity, or for all: a client cannot evict them by inventing values. */
  const proven = createLruCache<TokenBucket>(MAX_BUCKETS);
  /** Of limits by what clients choose. */
  const chosen = createLruCache<TokenBucket>(MAX_BUCKETS);
  const bucketsOf = ({ limit: { by } }: MatchedLimit): LruCache<TokenBucket> =>
    by.every((part) => part === "source") ? proven : chosen;
  const leases = createLeaseSpender<ShareQuestion>({ ask, now });

  function bucketOf(matched: MatchedLimit): TokenBucket {
    return bucketsOf(matched).getOrAdd(keyOf(matched), () =>
      createTokenBucket({ ...matched.limit, perMs: perMsOf(matched.limit), now }),
    );
  }

  /** From all or from none: a request that one limit refuses is not counted by another. */
  function takeLocally(matched: readonly MatchedLimit[]): RateLimited | undefined {
    const held = matched.map((each) => ({ each, bucket: bucketOf(each) }));
    for (const { each, bucket } of held) {
      const retryAfterMs = bucket.retryAfterMs();
      if (retryAfterMs > 0) return { kind: "limited", policy: policyName(each.policy.ref), retryAfterMs };
    }
    for (const { bucket } of held) bucket.take();
    return undefined;
  }

  async function takeShares(matched: readonly MatchedLimit[], onOpen: OnOpen): Promise<RateLimited | undefined> {
    for (const each of matched) {
      const spent = leases.spend(questionOf(each));
      const excess = excessOf(each, spent instanceof Promise ? await spent : spent, onOpen);
      if (excess !== undefined) return excess;
    }
    return undefined;
  }

  return {
    take(matched, onOpen) {
      const shared = matched.filter(isShared);
      if (shared.length === 0) return takeLocally(matched);
      return takeLocally(matched.filter((each) => !isShared(each))) ?? takeShares(shared, onOpen);
    },
    state(matched) {
      if (isShared(matched)) return leases.state(questionOf(matched)) ?? { left: 0, size: 0, expiresInMs: undefined };
      const size = sizeOf(matched.limit);
      return { left: bucketsOf(matched).peek(keyOf(matched))?.left(now()) ?? size, size, expiresInMs: undefined };
    },
    evicted: () => proven.evicted() + chosen.evicted(),
  };
}

function excessOf({ policy }: MatchedLimit, spent: Spent, onOpen: OnOpen): RateLimited | undefined {
  const name = policyName(policy.ref);
  if (spent.kind === "passed") return undefined;
  if (spent.kind === "limited") return { kind: "limited", policy: name, retryAfterMs: spent.retryAfterMs };
  if (policy.plugin?.failurePolicy !== FailurePolicy.OPEN) return { kind: "undecided", policy: name };
  onOpen(name);
  return undefined;
}

function isShared({ policy }: MatchedLimit): boolean {
  return policy.plugin !== undefined;
}

function questionOf(matched: MatchedLimit): ShareQuestion {
  return { id: keyOf(matched), size: sizeOf(matched.limit), matched };
}

/** A limit that was changed begins anew; one that was not keeps its count from one snapshot to the next. */
function keyOf({ id, limit }: MatchedLimit): string {
  return `${limit.requests}/${perMsOf(limit)}/${limit.burst} ${id}`;
}

function perMsOf({ per }: RateLimit): number {
  return per === undefined ? 1_000 : durationMs(per);
}

function sizeOf({ burst, requests }: RateLimit): number {
  return burst > 0 ? burst : requests;
}
