/** A limit as a policy writes it: so many requests per so long in the long run, and so many at once. */
export interface Limit {
  readonly requests: number;
  readonly perMs: number;
  readonly burst: number;
}

/** Tokens that fill up with time. Whatever the clock does, no more leave it than the limit lets through. */
export interface Bucket {
  /** Whole tokens that are there at this moment. The limit may change from call to call, as a policy does that is edited. */
  left(limit: Limit, now: number): number;
  /** Takes tokens that left() has said are there. */
  take(tokens: number): void;
  giveBack(tokens: number, limit: Limit): void;
  /** Milliseconds until there is one token. */
  wait(limit: Limit): number;
  /** As it was before anybody asked: nothing is lost when it is forgotten. */
  isFull(now: number): boolean;
}

/** Begins full, at a moment of a clock in milliseconds that may stand still, jump, and go backwards. */
export function createBucket(first: Limit, start: number): Bucket {
  let tokens = first.burst;
  let limit = first;
  let at = start;
  const fill = (now: number): void => {
    // Time that the clock takes back was filled in already, and is not filled in again.
    if (now <= at) return;
    tokens = Math.min(limit.burst, tokens + (now - at) * perMs(limit));
    at = now;
  };
  return {
    left(next, now) {
      // The time until now passed under the limit before.
      fill(now);
      limit = next;
      tokens = Math.min(tokens, limit.burst);
      return Math.floor(tokens);
    },
    take: (count) => (tokens -= count),
    giveBack: (count, { burst }) => (tokens = Math.min(burst, tokens + count)),
    wait: (given) => Math.max(0, 1 - tokens) / perMs(given),
    isFull: (now) => tokens + Math.max(0, now - at) * perMs(limit) >= limit.burst,
  };
}

function perMs({ requests, perMs: time }: Limit): number {
  return requests / time;
}
