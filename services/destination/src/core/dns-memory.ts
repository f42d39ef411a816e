/** The records of one query, or undefined when the server could not answer it. */
export interface PartialAnswer<Record> {
  readonly key: string;
  readonly records: readonly Record[] | undefined;
  /** Parts of a higher number count only when those of a lower one have no record. */
  readonly priority: number;
}

/**
 * The records of a name that is asked for in several queries (A and AAAA; each target of an SRV name). A query that fails keeps what it
 * last found, so that half an answer never replaces a whole one; after `staleForMs` of failures it counts as without records.
 */
export interface DnsMemory<Record> {
  /** The records in force, of the lowest priority that has any. `stale`: some are of an earlier answer. */
  merge(
    parts: readonly PartialAnswer<Record>[],
    now: number,
  ): { readonly records: readonly Record[]; readonly stale: boolean };
}

export function createDnsMemory<Record>(staleForMs: number): DnsMemory<Record> {
  let known: ReadonlyMap<string, { readonly records: readonly Record[]; readonly at: number }> = new Map();
  return {
    merge(parts, now) {
      const next = new Map<string, { readonly records: readonly Record[]; readonly at: number }>();
      for (const { key, records } of parts) {
        const before = known.get(key);
        if (records !== undefined) next.set(key, { records, at: now });
        else if (before !== undefined && now - before.at < staleForMs) next.set(key, before);
      }
      known = next;
      const byPriority = [...new Set(parts.map(({ priority }) => priority))].sort((left, right) => left - right);
      const ofPriority = (wanted: number) =>
        parts.filter(({ key, priority }) => priority === wanted && (next.get(key)?.records.length ?? 0) > 0);
      const used = byPriority.map(ofPriority).find((some) => some.length > 0) ?? [];
      return {
        records: used.flatMap(({ key }) => next.get(key)?.records ?? []),
        stale: used.some(({ records }) => records === undefined),
      };
    },
  };
}
