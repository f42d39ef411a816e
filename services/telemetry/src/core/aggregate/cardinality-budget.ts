import type { AggregateLimits } from "../limits.ts";
import type { GroupTable } from "./group-table.ts";
import type { SeriesTable } from "./series-table.ts";

/** Overflow series have a tenth more room than the others, so that an exhausted mesh still tells its sources apart. */
function beyond(limit: number): number {
  return Math.floor(limit * 1.1);
}

interface Made {
  series: number;
  groups: number;
}

/** Counts what each reporter has made, and says whether there is room for more. */
export class CardinalityBudget {
  readonly #limits: AggregateLimits;
  readonly #groups: GroupTable;
  readonly #series: SeriesTable;
  readonly #made = new Map<number, Made>();

  constructor(limits: AggregateLimits, groups: GroupTable, series: SeriesTable) {
    this.#limits = limits;
    this.#groups = groups;
    this.#series = series;
  }

  forSeries(owner: number): boolean {
    return this.#series.size < this.#limits.maxSeries && this.#of(owner).series < this.#limits.maxSeriesPerSource;
  }

  forGroup(owner: number): boolean {
    return this.#groups.size < this.#limits.maxGroups && this.#of(owner).groups < this.#limits.maxGroupsPerSource;
  }

  /** Whether an overflow series, and a group for it, may still be made. */
  forOverflow(): boolean {
    const { maxSeries, maxGroups } = this.#limits;
    return this.#series.size < beyond(maxSeries) && this.#groups.size < beyond(maxGroups);
  }

  madeSeries(owner: number): void {
    this.#of(owner).series++;
  }

  madeGroup(owner: number): void {
    this.#of(owner).groups++;
  }

  /** Label ids of the reporters that have made something. */
  owners(): Iterable<number> {
    return this.#made.keys();
  }

  /** Counts anew, after series and groups were removed. */
  recount(): void {
    this.#made.clear();
    for (let id = 0; id < this.#series.bound; id++)
      if (this.#series.has(id)) this.madeSeries(this.#series.owners[id] ?? 0);
    for (let id = 0; id < this.#groups.bound; id++)
      if (this.#groups.has(id)) this.madeGroup(this.#groups.owners[id] ?? 0);
  }

  #of(owner: number): Made {
    const known = this.#made.get(owner);
    if (known) return known;
    const made = { series: 0, groups: 0 };
    this.#made.set(owner, made);
    return made;
  }
}
