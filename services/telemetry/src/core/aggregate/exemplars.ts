import { LATENCY_BOUNDS_MS } from "@patchbay/model";
import type { ReportTable } from "../decode/report-table.ts";

/** A request that a latency bucket counts. */
export interface Exemplar {
  readonly traceId: string;
  readonly spanId: string;
  readonly latencyMs: number;
  readonly atMs: number;
}

/** The newest exemplar of each group and latency bucket. */
export class Exemplars {
  readonly #ofGroup = new Map<number, (Exemplar | undefined)[]>();

  /** Takes those of a report, whose rows belong to `groups`. No exemplar is later than `arrivedMs`. */
  apply(table: ReportTable, groups: Int32Array, arrivedMs: number): void {
    for (const { row, traceId, spanId, latencyMs, atMs } of table.extras.exemplars) {
      const group = groups[row] ?? 0;
      const buckets = this.#ofGroup.get(group) ?? [];
      const bucket = bucketOf(latencyMs);
      const at = Math.min(atMs, arrivedMs);
      if (at < (buckets[bucket]?.atMs ?? 0)) continue;
      buckets[bucket] = { traceId, spanId, latencyMs, atMs: at };
      this.#ofGroup.set(group, buckets);
    }
  }

  /** By latency bucket; undefined without any. */
  of(group: number): readonly (Exemplar | undefined)[] | undefined {
    return this.#ofGroup.get(group);
  }

  /** Forgets what is older than `before`, in ms, and groups that are gone. */
  forget(before: number, has: (group: number) => boolean): void {
    for (const [group, buckets] of this.#ofGroup) {
      const kept = buckets.map((exemplar) => (exemplar && exemplar.atMs >= before ? exemplar : undefined));
      if (has(group) && kept.some(Boolean)) this.#ofGroup.set(group, kept);
      else this.#ofGroup.delete(group);
    }
  }
}

/** The bucket whose bounds hold a latency; upper bounds are inclusive. */
function bucketOf(latencyMs: number): number {
  const bucket = LATENCY_BOUNDS_MS.findIndex((bound) => latencyMs <= bound);
  return bucket < 0 ? LATENCY_BOUNDS_MS.length : bucket;
}
