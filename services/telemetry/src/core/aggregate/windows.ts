import { type PageWidth, requestWidth, WindowPage } from "./window-page.ts";

/** Lengths of slots in ms, finest first; each divides the next. */
const SLOT_MS = [1_000, 10_000, 60_000] as const;
/** Slots of a length that are held: with them windows of 1 min, 10 min and 1 h have slots of 1 s, 10 s and 1 min. */
const SLOTS = 64;

/** Longest window that can be asked for. */
export const LONGEST_WINDOW_MS = 3_600_000;
/** A key of pages outlives the last page that names it: the longest window, and the coarsest slots around it. */
export const KEY_LIFE_MS = LONGEST_WINDOW_MS + 300_000;

type OnLeave = (page: WindowPage) => void;

interface LevelOptions {
  readonly slotMs: number;
  readonly coarser: Level | undefined;
  readonly onLeave: OnLeave;
  readonly width: PageWidth;
}

class Level {
  readonly slotMs: number;
  readonly pages: readonly WindowPage[];
  readonly coarser: Level | undefined;
  readonly #onLeave: OnLeave;

  constructor({ slotMs, coarser, onLeave, width }: LevelOptions) {
    this.slotMs = slotMs;
    this.coarser = coarser;
    this.#onLeave = onLeave;
    this.pages = Array.from({ length: SLOTS }, () => new WindowPage(slotMs !== SLOT_MS[0], width));
  }

  /**
   * The page of a time, begun if need be. A page in its place that is older moves to the coarser level first; a time
   * that is older than what this level still holds belongs to the coarser level. Undefined: older than all.
   */
  page(timeMs: number): WindowPage | undefined {
    const slot = Math.floor(timeMs / this.slotMs);
    const page = this.pages[slot % SLOTS];
    if (!page || page.slot > slot) return this.coarser?.page(timeMs);
    if (page.slot === slot) return page;
    if (page.rows > 0) this.coarser?.page(page.slot * this.slotMs)?.absorb(page);
    this.empty(page, slot);
    return page;
  }

  empty(page: WindowPage, slot: number): void {
    if (!page.inTotals && page.rows > 0) this.#onLeave(page);
    page.reset(slot);
  }
}

/**
 * The last hour as pages of slots. Everything that is counted is in exactly one page: it begins in a fine one and moves to
 * a coarser one when its place is needed, so adding touches one page and memory does not depend on traffic:
 *
 *     bytes <= 3 levels * 64 pages * active groups * 144, plus 4 a page and group id
 *
 * that is 27 KB for a group that is active all the time, and less for one that pauses.
 */
export class Windows {
  /** How many pages with content have left the finest level. */
  departures = 0;
  readonly #levels: readonly Level[];

  /** @param leaving is told what leaves the finest level, before it is gone */
  constructor(leaving: OnLeave, width = requestWidth) {
    const onLeave = (page: WindowPage): void => {
      this.departures++;
      leaving(page);
    };
    let coarser: Level | undefined;
    this.#levels = SLOT_MS.toReversed().map((slotMs) => {
      coarser = new Level({ slotMs, coarser, onLeave, width });
      return coarser;
    });
  }

  /** Where to add what happened at a time (ms); undefined when it is older than every window. */
  page(timeMs: number): WindowPage | undefined {
    return this.#levels.at(-1)?.page(timeMs);
  }

  /** Calls back with each page that begins at `fromMs` or later and before `toMs`. */
  visit(fromMs: number, toMs: number, onPage: (page: WindowPage) => void): void {
    for (const { pages, slotMs } of this.#levels) {
      for (const page of pages) {
        const start = page.slot * slotMs;
        if (page.rows > 0 && start >= fromMs && start < toMs) onPage(page);
      }
    }
  }

  /** Pages whose rows are not in the groups' totals yet; some are empty. */
  recent(): readonly WindowPage[] {
    return this.#levels.at(-1)?.pages ?? [];
  }

  /** Forgets pages that no window can ask for any more. */
  forget(now: number): void {
    for (const level of this.#levels) {
      for (const page of level.pages) {
        const end = (page.slot + 1) * level.slotMs;
        if (page.slot >= 0 && end < now - LONGEST_WINDOW_MS) level.empty(page, -1);
      }
    }
  }
}
