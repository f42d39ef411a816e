/** A demand for tokens of a bucket. */
export interface Claim {
  /** Tokens received so far, comparable with the other claims'. */
  readonly served: number;
  readonly wants: number;
}

/** Halvings of the level: enough to tell single tokens apart in a bucket of any size that a policy may have. */
const STEPS = 50;

/**
 * How many of `tokens` are due to `mine` beside the others: the claim that was served least comes first, until all are
 * level, and none gets more than it wants (max-min fairness by water-filling).
 */
export function dueTo(mine: Claim, others: readonly Claim[], tokens: number): number {
  const claims = [mine, ...others];
  const wanted = claims.reduce((sum, { wants }) => sum + wants, 0);
  if (wanted <= tokens) return mine.wants;
  const due = Math.floor(poured(mine, levelOf(claims, tokens)) + 1e-9);
  // Fewer tokens than claims: one that is served least takes the next, instead of all waiting for a part of it.
  const isNext = others.every(({ served, wants }) => wants <= 0 || served >= mine.served);
  return Math.min(mine.wants, tokens, isNext ? Math.max(1, due) : due);
}

function levelOf(claims: readonly Claim[], tokens: number): number {
  let low = Math.min(...claims.map(({ served }) => served));
  let high = Math.max(...claims.map(({ served, wants }) => served + wants));
  for (let step = 0; step < STEPS; step += 1) {
    const level = (low + high) / 2;
    const sum = claims.reduce((total, claim) => total + poured(claim, level), 0);
    if (sum > tokens) high = level;
    else low = level;
  }
  return low;
}

function poured({ served, wants }: Claim, level: number): number {
  return Math.min(wants, Math.max(0, level - served));
}
