/** Ranges of sequences that are remembered apart for one boot id; beyond it the lowest gap is taken for seen. */
const MAX_RANGES = 256;

interface Boot {
  /** Sorted, disjoint, not adjacent: from, to, from, to … both ends included. */
  readonly ranges: number[];
  usedAt: number;
}

export interface AppliedReportsOptions {
  /** Boot ids that are remembered; beyond it the least recently used is forgotten. Default 20,000. */
  readonly maxBoots?: number;
}

/**
 * Remembers which reports were applied, by boot id and sequence, so that each counts once whatever the order and
 * however often it comes. Sequences have no gaps, so nearly always one range per boot id is all there is to hold.
 */
export class AppliedReports {
  readonly #boots = new Map<string, Boot>();
  readonly #maxBoots: number;

  constructor({ maxBoots = 20_000 }: AppliedReportsOptions = {}) {
    this.#maxBoots = maxBoots;
  }

  get size(): number {
    return this.#boots.size;
  }

  has(boot: string, sequence: number): boolean {
    const ranges = this.#boots.get(boot)?.ranges;
    if (!ranges) return false;
    const at = firstAbove(ranges, sequence);
    return at > 0 && sequence <= (ranges[at - 1] ?? 0);
  }

  /** Remembers a report; false when it was known. `now` in ms. */
  add(boot: string, sequence: number, now: number): boolean {
    const known = this.#boots.get(boot) ?? { ranges: [], usedAt: now };
    if (!insert(known.ranges, sequence)) return false;
    known.usedAt = now;
    // Re-inserted, so that the map's order is that of use.
    this.#boots.delete(boot);
    this.#boots.set(boot, known);
    if (this.#boots.size > this.#maxBoots) this.#forgetOldest();
    return true;
  }

  /** Forgets boot ids that were not used since `before`, in ms. */
  forget(before: number): void {
    for (const [boot, { usedAt }] of this.#boots) {
      if (usedAt >= before) return;
      this.#boots.delete(boot);
    }
  }

  #forgetOldest(): void {
    for (const boot of this.#boots.keys()) {
      this.#boots.delete(boot);
      return;
    }
  }
}

/** Index, even, of the first range that begins above `sequence`. */
function firstAbove(ranges: readonly number[], sequence: number): number {
  let low = 0;
  let high = ranges.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle * 2] ?? 0) > sequence) high = middle;
    else low = middle + 1;
  }
  return low * 2;
}

/** Adds one sequence to the ranges; false when it was in. */
function insert(ranges: number[], sequence: number): boolean {
  const at = firstAbove(ranges, sequence);
  const before = at > 0 ? (ranges[at - 1] ?? 0) : -1;
  if (sequence <= before) return false;
  const joinsBefore = at > 0 && before + 1 === sequence;
  const joinsAfter = ranges[at] === sequence + 1;
  if (joinsBefore && joinsAfter) ranges.splice(at - 1, 2);
  else if (joinsBefore) ranges[at - 1] = sequence;
  else if (joinsAfter) ranges[at] = sequence;
  else ranges.splice(at, 0, sequence, sequence);
  // The first two ranges become one: what is missing between them is too old to be still on its way.
  if (ranges.length > MAX_RANGES * 2) ranges.splice(1, 2);
  return true;
}
