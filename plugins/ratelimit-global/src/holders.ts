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
const maxHolders = 256;

/** Begins with nobody. `burst` is the most by which one may be behind the others: older debts are no reason to let them wait. */
export function createHolders(burst: () => number): Holders {
  const holders = new Map<string, Holder>();
  const floor = (): number => {
    let top = Number.NEGATIVE_INFINITY;
    for (const { served } of holders.values()) top = Math.max(top, served);
    return top - burst();
  };
  /** Everybody else, none of them further behind than one burst. */
  const othersThan = (name: string, lowest: number): Claim[] => {
    const others: Claim[] = [];
    for (const [other, { served, wants }] of holders) {
      if (other !== name) others.push({ served: Math.max(served, lowest), wants });
    }
    return others;
  };
  /** A newcomer begins beside the one that got least. */
  const servedOf = (name: string, others: readonly Claim[], lowest: number): number => {
    const own = holders.get(name)?.served;
    if (own !== undefined) return Math.max(own, lowest);
    return others.length > 0 ? Math.min(...others.map(({ served }) => served)) : 0;
  };
  const outstanding = (name: string): number => holders.get(name)?.outstanding ?? 0;
  return {
    credit: (holder, unspent) => Math.max(0, Math.min(unspent, outstanding(holder))),
    due({ holder, wanted }, tokens) {
      const lowest = floor();
      const others = othersThan(holder, lowest);
      return dueTo({ served: servedOf(holder, others, lowest), wants: wanted }, others, tokens);
    },
    note({ holder, wanted }, { granted, back, until }) {
      const lowest = floor();
      const served = servedOf(holder, othersThan(holder, lowest), lowest) + granted - back;
      // Whoever got all that it wanted will want about as much again; whoever did not still wants it.
      const wants = granted >= wanted ? granted : wanted;
      holders.delete(holder);
      holders.set(holder, { served, wants, outstanding: granted, until });
      const [oldest] = holders.keys();
      if (holders.size > maxHolders && oldest !== undefined) holders.delete(oldest);
    },
    forget(now) {
      for (const [name, { until }] of holders) if (until <= now) holders.delete(name);
    },
    get count() {
      return holders.size;
    },
  };
}
