/** How long a registration that is gone stays visible. */
export const GONE_KEEP_MS = 10 * 60_000;
/** Of one name, so many that are gone stay visible; a plugin in a crash loop does not fill the table. */
export const GONE_PER_NAME = 64;

export interface Gone {
  readonly id: string;
  /** "kind/namespace/name". */
  readonly owner: string;
  /** Since when, in milliseconds since the epoch. */
  readonly at: number;
}

/** Those of the gone that are forgotten now. */
export function forgettable(gone: readonly Gone[], now: number): readonly string[] {
  const kept = new Map<string, number>();
  const newestFirst = [...gone].sort((a, b) => b.at - a.at);
  return newestFirst
    .filter(({ owner, at }) => {
      const count = (kept.get(owner) ?? 0) + 1;
      kept.set(owner, count);
      return count > GONE_PER_NAME || now - at >= GONE_KEEP_MS;
    })
    .map(({ id }) => id);
}
