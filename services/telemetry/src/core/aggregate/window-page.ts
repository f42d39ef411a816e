import { LATENCY_BUCKETS } from "@patchbay/model";
import { roomInFloats, roomInInts, roomInUints } from "./grow.ts";

/** Counters of a row in a page, at `counts[row * COUNTS + column]`; the latency buckets follow them. */
export const PAGE_COUNT = 0;
export const PAGE_FAILURES = 1;
export const PAGE_RETRIES = 2;
export const PAGE_BUCKETS = 3;
export const COUNTS = PAGE_BUCKETS + LATENCY_BUCKETS;

/** Sums of a row in a page, at `sums[row * SUMS + column]`. */
export const PAGE_LATENCY_US = 0;
export const PAGE_REQUEST_BYTES = 1;
export const PAGE_RESPONSE_BYTES = 2;
export const SUMS = 3;

const FIRST_ROWS = 16;

/** Numbers of a row in a page. */
export interface PageWidth {
  /** Counters, whole numbers. */
  readonly counts: number;
  readonly sums: number;
}

/** What requests need: the columns above. */
export const requestWidth: PageWidth = { counts: COUNTS, sums: SUMS };

/** What happened in one slot of time, a row for each group that was active in it. */
export class WindowPage {
  /** What is in here is in the groups' totals too; else it is added to them when it leaves. */
  readonly inTotals: boolean;
  /** The slot: start time divided by the slot's length. -1: unused. */
  slot = -1;
  rows = 0;
  groups = new Int32Array(FIRST_ROWS);
  counts: Uint32Array<ArrayBuffer>;
  sums: Float64Array<ArrayBuffer>;
  readonly #width: PageWidth;
  /** Row of each group plus 1; 0: none. */
  #rowOf = new Int32Array(FIRST_ROWS);

  constructor(inTotals: boolean, width: PageWidth) {
    this.inTotals = inTotals;
    this.#width = width;
    this.counts = new Uint32Array(FIRST_ROWS * width.counts);
    this.sums = new Float64Array(FIRST_ROWS * width.sums);
  }

  /** Empties the page for another slot, and keeps its memory. */
  reset(slot: number): void {
    for (let row = 0; row < this.rows; row++) this.#rowOf[this.groups[row] ?? 0] = 0;
    this.counts.fill(0, 0, this.rows * this.#width.counts);
    this.sums.fill(0, 0, this.rows * this.#width.sums);
    this.rows = 0;
    this.slot = slot;
  }

  /** The group's row, begun with zeros if need be. */
  row(group: number): number {
    this.#rowOf = roomInInts(this.#rowOf, group + 1);
    const known = this.#rowOf[group] ?? 0;
    if (known > 0) return known - 1;
    const row = this.rows++;
    this.groups = roomInInts(this.groups, this.rows);
    this.counts = roomInUints(this.counts, this.rows * this.#width.counts);
    this.sums = roomInFloats(this.sums, this.rows * this.#width.sums);
    this.groups[row] = group;
    this.#rowOf[group] = row + 1;
    return row;
  }

  /** Adds all that another page counted. */
  absorb(other: WindowPage): void {
    const { counts, sums } = this.#width;
    for (let from = 0; from < other.rows; from++) {
      const to = this.row(other.groups[from] ?? 0);
      for (let at = 0; at < counts; at++) add(this.counts, to * counts + at, other.counts[from * counts + at]);
      for (let at = 0; at < sums; at++) add(this.sums, to * sums + at, other.sums[from * sums + at]);
    }
  }
}

function add(array: Uint32Array | Float64Array, at: number, value = 0): void {
  array[at] = (array[at] ?? 0) + value;
}
