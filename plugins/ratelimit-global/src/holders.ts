import { type Claim, dueTo } from "./shares.ts";

/** A proxy's question for tokens of one bucket. */
export interface Ask {
  readonly holder: string;
  /** At least 1. */
  readonly wanted: number;
}

/** What a proxy got for its question. */
export interface Got {
  readonly granted: number;
  /** What it gave back of its grant before. */
  readonly back: number;
  /** When it is taken to have gone, unless it has asked again. */
  readonly until: number;
}

/** Who asks for tokens of one bucket, and how much each of them got. */
export interface Holders {
  /** Of what it says it gives back, as much as it can have: nobody makes tokens by saying so. */
  credit(holder: string, unspent: number): number;
  /** Tokens that are due to it. */
  due(ask: Ask, tokens: number): number;
  note(ask: Ask, got: Got): void;
  /** Forgets those that have gone by now. */
  forget(now: number): void;
  readonly count: number;
}

interface Holder extends Claim {
  /** Of its last grant, what it may still give back. */
  readonly outstanding: number;
  readonly until: number;
}

/** Proxies of one bucket that are told apart. When there are more, the one that was silent for the longest time begins anew. */
const MAX_HOLDERS = 256;

/** Begins with nobody. `burst` is the most by which one may be behind the others: older debts are no reason to let them wait. */
export function createHolders(burst: () => number): Holders {
  return new KnownHolders(burst);
}

class KnownHolders implements Holders {
  /** The one that was silent for the longest time first. */
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
    // Whoever got all that it wanted will want about as much again; whoever did not still wants it.
    const wants = granted >= wanted ? granted : wanted;
    this.#holders.delete(holder);
    this.#holders.set(holder, { served, wants, outstanding: granted, until });
    const [oldest] = this.#holders.keys();
    if (this.#holders.size > MAX_HOLDERS && oldest !== undefined) this.#holders.delete(oldest);
  }

  forget(now: number): void {
    for (const [name, { until }] of this.#holders) if (until <= now) this.#holders.delete(name);
  }

  /** Everybody else, none of them further behind than one burst. */
  #othersThan(name: string): Claim[] {
    const lowest = this.#lowest();
    const others: Claim[] = [];
    for (const [other, { served, wants }] of this.#holders) {
      if (other !== name) others.push({ served: Math.max(served, lowest), wants });
    }
    return others;
  }

  /** A newcomer begins beside the one that got least. */
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
