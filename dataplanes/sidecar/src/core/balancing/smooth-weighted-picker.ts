/**
 * Draws two different items by weight, as from an urn that holds weight / smallest weight tickets of each item, without
 * putting the first ticket back. With equal weights that is two different items; with unequal ones both tickets may name
 * the same item. If nothing else decides between the two, each item's share is exactly its weight.
 */
export interface SmoothWeightedPicker {
  readonly size: number;
  /** Index of the first draw. `random` is in [0, 1). */
  first(random: number): number;
  /** Index of the second draw, given the first. */
  second(first: number, random: number): number;
}

export function createSmoothWeightedPicker(weights: readonly number[]): SmoothWeightedPicker {
  const smallest = weights.reduce((least, weight) => Math.min(least, weight), Number.POSITIVE_INFINITY);
  return weights.every((weight) => weight === smallest) ? equalUrn(weights.length) : weightedUrn(weights, smallest);
}

function equalUrn(size: number): SmoothWeightedPicker {
  return {
    size,
    first: (random) => Math.floor(random * size),
    second(first, random) {
      if (size === 1) return first;
      const index = Math.floor(random * (size - 1));
      return index < first ? index : index + 1;
    },
  };
}

function weightedUrn(weights: readonly number[], smallest: number): SmoothWeightedPicker {
  const ends = new Float64Array(weights.length);
  let total = 0;
  weights.forEach((weight, index) => {
    total += weight;
    ends[index] = total;
  });
  return {
    size: weights.length,
    first: (random) => search(ends, random * total),
    second(first, random) {
      // The ticket that was drawn is cut out of the line of tickets at the begin of its item's stretch.
      const cut = first === 0 ? 0 : (ends[first - 1] ?? 0);
      const at = random * (total - smallest);
      return search(ends, at < cut ? at : at + smallest);
    },
  };
}

/** First index whose end lies beyond the point. */
function search(ends: Float64Array, point: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) > point) high = middle;
    else low = middle + 1;
  }
  return low;
}
