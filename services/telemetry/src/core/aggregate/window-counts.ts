import { roomInFloats, roomInInts } from "./grow.ts";
import { KeyTable } from "./key-table.ts";
import { KEY_LIFE_MS, Windows } from "./windows.ts";

const ABSENT = -1;

export interface WindowCountsOptions {
  /** Counts of a key. */
  readonly columns: number;
  /** Keys that one owner, and all owners together, may make. */
  readonly maxPerOwner: number;
  readonly max: number;
}

/** Keys with a few counts each: totals since the key was made, and what was counted within a window of the last hour. */
export class WindowCounts extends KeyTable {
  readonly columns: number;
  /** At `totals[id * columns + column]`. */
  totals = new Float64Array(0);
  readonly #options: WindowCountsOptions;
  readonly #windows: Windows;
  #usedAt = new Float64Array(0);
  #owners = new Int32Array(0);
  readonly #made = new Map<number, number>();

  constructor(options: WindowCountsOptions) {
    super();
    this.columns = options.columns;
    this.#options = options;
    // Totals are counted at once, so nothing is to be done for what leaves.
    this.#windows = new Windows(() => undefined, { counts: options.columns, sums: 0 });
  }

  /** Whether the owner (a label id) may make another key. */
  hasRoom(owner: number): boolean {
    return this.size < this.#options.max && (this.#made.get(owner) ?? 0) < this.#options.maxPerOwner;
  }

  /** Whether an overflow key may still be made: there is a tenth more room for these. */
  hasRoomForOverflow(): boolean {
    return this.size < this.#options.max * 1.1;
  }

  /** The id of `key`, made if need be, without asking for room. */
  findOrMake(owner: number): number {
    const known = this.find();
    if (known !== ABSENT) return known;
    const id = this.add();
    this.#made.set(owner, (this.#made.get(owner) ?? 0) + 1);
    this.totals = roomInFloats(this.totals, (id + 1) * this.columns);
    this.totals.fill(0, id * this.columns, (id + 1) * this.columns);
    this.#usedAt = roomInFloats(this.#usedAt, id + 1);
    this.#owners = roomInInts(this.#owners, id + 1);
    this.#owners[id] = owner;
    return id;
  }

  /** Counts `values[from ..]`, a value for each column, at the time `timeMs`; known since `arrivedMs`. */
  count(id: number, values: { readonly of: Uint32Array; readonly from: number }, at: CountedAt): void {
    this.#usedAt[id] = at.arrivedMs;
    const page = this.#windows.page(at.timeMs);
    const row = page ? page.row(id) * this.columns : 0;
    for (let column = 0; column < this.columns; column++) {
      const value = values.of[values.from + column] ?? 0;
      const total = id * this.columns + column;
      this.totals[total] = (this.totals[total] ?? 0) + value;
      if (page) page.counts[row + column] = (page.counts[row + column] ?? 0) + value;
    }
  }

  /** Calls back with what was counted in slots that begin at `fromMs` or later and before `toMs`. */
  visit(fromMs: number, toMs: number, onCounts: (id: number, counts: Uint32Array, from: number) => void): void {
    this.#windows.visit(fromMs, toMs, (page) => {
      for (let row = 0; row < page.rows; row++) onCounts(page.groups[row] ?? 0, page.counts, row * this.columns);
    });
  }

  *ids(): Iterable<number> {
    for (let id = 0; id < this.bound; id++) if (this.has(id)) yield id;
  }

  /** Drops what no window can ask for. */
  sweep(now: number): void {
    this.#windows.forget(now);
    this.remove((id) => (this.#usedAt[id] ?? 0) < now - KEY_LIFE_MS);
    this.#made.clear();
    for (const id of this.ids()) {
      const owner = this.#owners[id] ?? 0;
      this.#made.set(owner, (this.#made.get(owner) ?? 0) + 1);
    }
  }
}

/** When something happened, and when it was reported; ms since the epoch. */
export interface CountedAt {
  readonly timeMs: number;
  readonly arrivedMs: number;
}
