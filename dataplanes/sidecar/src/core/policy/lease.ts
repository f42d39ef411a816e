/** What a plugin granted: so many requests for so long. Several may be held at a time, while one follows another. */
export interface Grant {
  readonly granted: number;
  /** From the moment of asking. Undefined: for the request that asked. */
  readonly validMs: number | undefined;
  /** When to ask again, if nothing was granted. */
  readonly retryAfterMs: number | undefined;
}

interface Held {
  left: number;
  readonly granted: number;
  readonly askedAt: number;
  readonly validMs: number;
  /** Only for the request that asked: the grant has no validity beyond it. */
  readonly single: boolean;
}

/** What one (policy, limit, key) may spend now. Pure: the caller asks for more and hands in the answer. */
export interface LeaseAccount {
  /** Takes one if there is one. */
  spend(now: number): boolean;
  /** Most of the newest lease is used up or over, so that it is time to ask for the next. */
  wantsMore(now: number): boolean;
  /** What to ask for; what is given back with it cannot be spent any more. */
  question(now: number, waiting: number): { readonly wanted: number; readonly unspent: number };
  /** `wanted`: what was asked for at `askedAt`. */
  receive(grant: Grant, asked: { readonly askedAt: number; readonly wanted: number }): void;
  left(now: number): number;
  /** What the newest lease granted; 0: there is none. */
  size(): number;
  /** On the same clock; undefined: there is none. */
  expiresAt(): number | undefined;
}

/** Before anything is known of how much is needed. */
const FIRST_WANTED = 10;
/** A quarter is left to live on while the next is asked for. */
const SPENT_SHARE = 3 / 4;
const TIME_SHARE = 4 / 5;
/** More than was needed, so that growing demand does not run dry. */
const GROWTH = 1.5;
const MAX_GROWTH = 10;
/** A grant for one request is taken up at once. */
const SINGLE_MS = 1_000;

export function createLeaseAccount(limit: { readonly size: number }): LeaseAccount {
  /** In the order of their grants. */
  const held: Held[] = [];
  /** In the newest lease's time. */
  let spent = 0;
  let newest: Held | undefined;

  const good = (lease: Held, now: number): boolean => now < lease.askedAt + lease.validMs;

  function expected(now: number): number {
    if (newest === undefined) return Math.min(FIRST_WANTED, limit.size);
    const share = Math.min(1, Math.max(1 / MAX_GROWTH, (now - newest.askedAt) / newest.validMs));
    return Math.ceil(Math.min((spent / share) * GROWTH, Math.max(1, spent) * MAX_GROWTH));
  }

  /** Gives back what will not be needed before the newest lease is over. */
  function giveBack(now: number): number {
    if (newest === undefined || !good(newest, now)) return 0;
    const elapsed = Math.max(1, now - newest.askedAt);
    const needed = Math.ceil((spent / elapsed) * (newest.askedAt + newest.validMs - now)) + 1;
    const unspent = Math.max(0, newest.left - needed);
    newest.left -= unspent;
    return unspent;
  }

  return {
    spend(now) {
      let [oldest] = held;
      while (oldest !== undefined && (oldest.left === 0 || !good(oldest, now))) {
        held.shift();
        [oldest] = held;
      }
      if (oldest === undefined) return false;
      oldest.left -= 1;
      spent += 1;
      return true;
    },
    wantsMore(now) {
      if (newest === undefined || !good(newest, now)) return true;
      if (newest.single) return false;
      return spent >= newest.granted * SPENT_SHARE || now - newest.askedAt >= newest.validMs * TIME_SHARE;
    },
    question(now, waiting) {
      const unspent = giveBack(now);
      return { wanted: Math.max(1, expected(now), waiting), unspent };
    },
    receive({ granted, validMs }, { askedAt, wanted }) {
      spent = 0;
      // Never more than was asked for, even if the answer grants more.
      const usable = Math.min(granted, validMs === undefined ? 1 : wanted);
      const single = validMs === undefined;
      newest =
        usable === 0 ? undefined : { left: usable, granted: usable, askedAt, validMs: validMs ?? SINGLE_MS, single };
      if (newest !== undefined) held.push(newest);
    },
    left: (now) => held.reduce((sum, lease) => sum + (good(lease, now) ? lease.left : 0), 0),
    size: () => newest?.granted ?? 0,
    expiresAt: () => (newest === undefined ? undefined : newest.askedAt + newest.validMs),
  };
}
