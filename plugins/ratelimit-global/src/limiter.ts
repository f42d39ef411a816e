import { grant, type Lease, type RatelimitRequest, refuse } from "mesh-sdk";
import { type Bucket, createBucket, type Limit } from "./bucket.ts";
import { createHolders, type Holders } from "./holders.ts";

/** Shares limits out. */
export interface Limiter {
  /** `now` in milliseconds, of any clock. */
  lease(request: RatelimitRequest, now: number): Lease;
  readonly size: number;
}

interface Entry {
  readonly bucket: Bucket;
  readonly holders: Holders;
  limit: Limit;
}

/** A lease is a tenth of the limit's period: short enough that tokens held by a dead proxy do not matter. */
const SHORTEST_LEASE_MS = 100;
const LONGEST_LEASE_MS = 5_000;
const SOONEST_RETRY_MS = 20;
const LATEST_RETRY_MS = 5_000;

/** One bucket for each combination of policy, limit and key, at most `maxKeys` of them: the least recently used one is evicted. */
export function createLimiter({ maxKeys }: { readonly maxKeys: number }): Limiter {
  const entries = new Map<string, Entry>();
  return {
    lease(request, now) {
      const limit = limitOf(request);
      const key = JSON.stringify([request.policy, request.limit, ...request.key]);
      const entry = entries.get(key) ?? open(limit, now);
      // At the end of the order: used last.
      entries.delete(key);
      entries.set(key, entry);
      forgetIdle(entries, now);
      if (entries.size > maxKeys) dropOldest(entries);
      return lease(entry, { ...request, limit }, now);
    },
    get size() {
      return entries.size;
    },
  };
}

function limitOf({ requests, perMs, burst }: RatelimitRequest): Limit {
  return {
    requests: Math.max(1, requests),
    perMs: Math.max(1, perMs),
    burst: Math.max(1, burst > 0 ? burst : requests),
  };
}

function open(limit: Limit, now: number): Entry {
  const entry: Entry = { bucket: createBucket(limit, now), holders: createHolders(() => entry.limit.burst), limit };
  return entry;
}

interface Question extends Omit<RatelimitRequest, "limit"> {
  readonly limit: Limit;
}

function lease(entry: Entry, { limit, holder, wanted, unspent }: Question, now: number): Lease {
  const { bucket, holders } = entry;
  entry.limit = limit;
  holders.forget(now);
  const back = holders.credit(holder, unspent);
  bucket.giveBack(back, limit);
  const tokens = bucket.left(limit, now);
  const granted = tokens > 0 ? holders.due({ holder, wanted }, tokens) : 0;
  bucket.take(granted);
  const validFor = Math.min(LONGEST_LEASE_MS, Math.max(SHORTEST_LEASE_MS, limit.perMs / 10));
  const retryAfter = granted > 0 ? 0 : retry(entry, tokens);
  // A proxy that still wants tokens has asked again by then.
  const until = now + 2 * Math.max(validFor, retryAfter);
  holders.note({ holder, wanted }, { granted, back, until });
  return granted > 0 ? grant(granted, { validFor }) : refuse({ retryAfter });
}

/** When a token may be due: with the next one or, while others come first, after each of those may have got one. */
function retry({ bucket, holders, limit }: Entry, tokens: number): number {
  const wait = tokens > 0 ? (holders.count * limit.perMs) / limit.requests : bucket.wait(limit);
  return Math.ceil(Math.min(LATEST_RETRY_MS, Math.max(SOONEST_RETRY_MS, wait)));
}

/** A full bucket equals a new one. Evicts up to two at a time, more than one call can add. */
function forgetIdle(entries: Map<string, Entry>, now: number): void {
  let looked = 0;
  for (const [key, { bucket }] of entries) {
    looked += 1;
    if (looked > 2 || looked >= entries.size || !bucket.isFull(now)) return;
    entries.delete(key);
  }
}

function dropOldest(entries: Map<string, Entry>): void {
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}
