import { type Claim, dueTo } from "./shares.ts";

/** A proxy's question for tokens of one bucket. */
export interface Ask {
  readonly holder: string;
  /** At least 1. */
  readonly wanted: number;
}

/** The answer to a proxy's question. */
export interface Got {
  readonly granted: number;
  /** Unused tokens of its previous grant that it returned. */
  readonly back: number;
  /** When it counts as gone unless it has asked again. */
  readonly until: number;
}

/** The proxies that ask for tokens of one bucket, and how many each got. */
export interface Holders {
  /** Accepts returned tokens only up to the outstanding grant, so that a false claim creates none. */
  credit(holder: string, unspent: number): number;
  /** Tokens that are due to it. */
  due(ask: Ask, tokens: number): number;
  note(ask: Ask, got: Got): void;
  /** Forgets those that have gone by now. */
  forget(now: number): void;
  readonly count: number;
}

interface Holder extends Claim {
  /** The part of its last grant that it may still return. */
  readonly outstanding: number;
  readonly until: number;
}

/** Proxies tracked per bucket. Beyond that, the least recently seen one is evicted and starts over. */
const MAX_HOLDERS = 256;

/** `burst` limits how far one proxy may be behind the others, so that old debts do not starve them. */
export function createHolders(burst: () => number): Holders {
  return new KnownHolders(burst);
}

class KnownHolders implements Holders {
  /** Least recently seen first. */
  readonly #holders = new Map<string, Holder>();
  readonly #burst: () => number;

  constructor(burst: () => number) {
    this.#burst = burst;
  }

  get count(): number {
    return this.#holders.size;
  }

  credit(holder: string, unspent: number): number {
    return Math.max(0, Math.min(unspent, this.#holders.get(holder)?.outstanding ?? 0));
  }

  due({ holder, wanted }: Ask, tokens: number): number {
    const others = this.#othersThan(holder);
    return dueTo({ served: this.#servedOf(holder, others), wants: wanted }, others, tokens);
  }

  note({ holder, wanted }: Ask, { granted, back, until }: Got): void {
    const served = this.#servedOf(holder, this.#othersThan(holder)) + granted - back;
    // A proxy that got all it wanted will want about as much again; one that did not still wants the same.
    const wants = granted >= wanted ? granted : wanted;
    this.#holders.delete(holder);
    this.#holders.set(holder, { served, wants, outstanding: granted, until });
    const [oldest] = this.#holders.keys();
    if (this.#holders.size > MAX_HOLDERS && oldest !== undefined) this.#holders.delete(oldest);
  }

  forget(now: number): void {
    for (const [name, { until }] of this.#holders) if (until <= now) this.#holders.delete(name);
  }

  /** All other proxies, none of them further behind than one burst. */
  #othersThan(name: string): Claim[] {
    const lowest = this.#lowest();
    const others: Claim[] = [];
    for (const [other, { served, wants }] of this.#holders) {
      if (other !== name) others.push({ served: Math.max(served, lowest), wants });
    }
    return others;
  }

  /** A new proxy starts level with the one that got least. */
  #servedOf(name: string, others: readonly Claim[]): number {
    const own = this.#holders.get(name)?.served;
    if (own !== undefined) return Math.max(own, this.#lowest());
    return others.length > 0 ? Math.min(...others.map(({ served }) => served)) : 0;
  }

  #lowest(): number {
    let top = Number.NEGATIVE_INFINITY;
    for (const { served } of this.#holders.values()) top = Math.max(top, served);
    return top - this.#burst();
  }
}
