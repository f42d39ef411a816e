/** A limit as a policy writes it: so many requests per so long in the long run, and so many at once. */
export interface Limit {
  readonly requests: number;
  readonly perMs: number;
  readonly burst: number;
}

/** A token bucket. It never gives out more than the limit allows, even when the clock jumps. */
export interface Bucket {
  /** Whole tokens available now. The limit may differ from the last call's, since policies are edited. */
  left(limit: Limit, now: number): number;
  /** Takes at most what left() returned. */
  take(tokens: number): void;
  giveBack(tokens: number, limit: Limit): void;
  /** Milliseconds until there is one token. */
  wait(limit: Limit): number;
  /** Equal to a new bucket, so it can be evicted without loss. */
  isFull(now: number): boolean;
}

/** Begins full, at a moment of a clock in milliseconds that may stand still, jump, and go backwards. */
export function createBucket(limit: Limit, start: number): Bucket {
  return new TokenBucket(limit, start);
}

class TokenBucket implements Bucket {
  #tokens: number;
  #limit: Limit;
  #at: number;

  constructor(limit: Limit, start: number) {
    this.#tokens = limit.burst;
    this.#limit = limit;
    this.#at = start;
  }

  left(limit: Limit, now: number): number {
    // The time until now passed under the limit before.
    this.#fill(now);
    this.#limit = limit;
    this.#tokens = Math.min(this.#tokens, limit.burst);
    return Math.floor(this.#tokens);
  }

  take(tokens: number): void {
    this.#tokens -= tokens;
  }

  giveBack(tokens: number, { burst }: Limit): void {
    this.#tokens = Math.min(burst, this.#tokens + tokens);
  }

  wait({ requests, perMs }: Limit): number {
    return (Math.max(0, 1 - this.#tokens) * perMs) / requests;
  }

  isFull(now: number): boolean {
    return this.#filled(now) >= this.#limit.burst;
  }

  /** Time that the clock takes back was filled in already, and is not filled in again. */
  #fill(now: number): void {
    if (now <= this.#at) return;
    this.#tokens = Math.min(this.#limit.burst, this.#filled(now));
    this.#at = now;
  }

  #filled(now: number): number {
    const { requests, perMs } = this.#limit;
    return this.#tokens + (Math.max(0, now - this.#at) * requests) / perMs;
  }
}
