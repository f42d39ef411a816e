import * as column from "../decode/report-table.ts";
import { FLOATS, INTS, type ReportTable } from "../decode/report-table.ts";
import { type AggregateLimits, aggregateLimits } from "../limits.ts";
import { AppliedReports } from "./applied-reports.ts";
import { CardinalityBudget } from "./cardinality-budget.ts";
import { countInPage, countInTotals } from "./count-rows.ts";
import { Exemplars } from "./exemplars.ts";
import { Extras } from "./extras.ts";
import { GROUP_ROUTE, GROUP_SOURCE, GROUP_TARGET, GroupTable } from "./group-table.ts";
import { addPage } from "./group-totals.ts";
import { roomInInts } from "./grow.ts";
import { LabelTable } from "./label-table.ts";
import { OpenConnections } from "./open-connections.ts";
import { SeriesLocator } from "./series-locator.ts";
import { SERIES_METHOD, SeriesTable } from "./series-table.ts";
import type { CountedAt } from "./window-counts.ts";
import { KEY_LIFE_MS, Windows } from "./windows.ts";

/** Longest window that one report is believed to cover. */
const LONGEST_REPORT_MS = 120_000;
/** An exemplar that was scraped needs not be told again. */
const EXEMPLAR_LIFE_MS = 600_000;

/** Everything that telemetry knows: what proxies reported in the last hour, and totals of what is still active. */
export class Aggregate {
  readonly labels = new LabelTable();
  readonly groups = new GroupTable();
  readonly series = new SeriesTable();
  readonly windows = new Windows((page) => addPage(this.groups.totals, page));
  readonly extras: Extras;
  readonly exemplars = new Exemplars();
  readonly #limits: AggregateLimits;
  readonly #applied: AppliedReports;
  readonly #openings = new OpenConnections();
  readonly #room: CardinalityBudget;
  readonly #placement: SeriesLocator;
  #sinceMs = Number.POSITIVE_INFINITY;
  /** Of the report at hand. */
  #groupOfRow = new Int32Array(128);

  constructor(limits: Partial<AggregateLimits> = {}) {
    this.#limits = { ...aggregateLimits, ...limits };
    this.#applied = new AppliedReports({ maxBoots: this.#limits.maxBoots });
    this.#room = new CardinalityBudget(this.#limits, this.groups, this.series);
    this.#placement = new SeriesLocator({
      labels: this.labels,
      groups: this.groups,
      series: this.series,
      room: this.#room,
    });
    this.extras = new Extras(this.#limits, this.labels, this.#placement.overflow);
  }

  /** Begin of the earliest report, in ms; infinite before the first. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Rows, and entries beside them, that were folded into overflow ones. */
  get overflowedRows(): number {
    return this.#placement.overflowed + this.extras.overflowed;
  }

  /** Whether a report was applied. */
  has(table: ReportTable): boolean {
    return this.#applied.has(table.boot, table.sequence);
  }

  /**
   * Counts a report, unless it was counted before; then false. It counts at the end of its own window, but never later
   * than `arrivedMs`: a proxy's clock that runs ahead must not put it where no question looks.
   */
  apply(table: ReportTable, arrivedMs: number): boolean {
    if (!this.#applied.add(table.boot, table.sequence, arrivedMs)) return false;
    const timeMs = Math.min(table.endMs, arrivedMs);
    const page = this.windows.page(timeMs);
    this.#sinceMs = Math.min(this.#sinceMs, Math.max(table.startMs, timeMs - LONGEST_REPORT_MS));
    const groups = this.#countSeries(table, arrivedMs);
    if (page) countInPage(page, table, groups);
    if (!page || page.inTotals) countInTotals(this.groups.totals, table, groups);
    if (!table.extras.empty) this.#countExtras(table, { timeMs, arrivedMs });
    return true;
  }

  /** Takes back the open connections of a proxy that is gone without having closed them. */
  leave(boot: string): void {
    this.#openings.leave(boot, (series, open) => {
      this.series.open[series] = (this.series.open[series] ?? 0) - open;
    });
  }

  /** Boot identities (`ReportTable.boot`) that have open connections. */
  bootsWithOpen(): Iterable<string> {
    return this.#openings.boots();
  }

  /** Drops what is idle. Call it now and then; it costs a pass over all series. */
  sweep(now: number): void {
    this.windows.forget(now);
    this.#applied.forget(now - KEY_LIFE_MS);
    this.#sinceMs = Math.max(this.#sinceMs, now - KEY_LIFE_MS);
    const { series, groups } = this;
    const idle = now - this.#limits.idleSeriesMs;
    series.remove((id) => (series.usedAt[id] ?? 0) < idle && series.open[id] === 0);
    const used = new Set<number>();
    for (let id = 0; id < series.bound; id++) if (series.has(id)) used.add(series.group(id));
    groups.remove((id) => (groups.usedAt[id] ?? 0) < now - KEY_LIFE_MS && !used.has(id));
    this.#room.recount();
    this.extras.sweep(now);
    this.exemplars.forget(now - EXEMPLAR_LIFE_MS, (group) => groups.has(group));
    this.labels.retain(this.#usedLabels());
    this.#placement.forget();
  }

  /** Counts each row in its series, and returns the group of each row. */
  #countSeries(table: ReportTable, arrivedMs: number): Int32Array {
    const { series, groups } = this;
    this.#groupOfRow = roomInInts(this.#groupOfRow, table.rowCount);
    this.#placement.begin(table);
    for (let row = 0; row < table.rowCount; row++) {
      const id = this.#placement.seriesOf(table, row);
      const group = series.group(id);
      this.#groupOfRow[row] = group;
      series.usedAt[id] = arrivedMs;
      groups.usedAt[group] = arrivedMs;
      series.counts[id] = (series.counts[id] ?? 0) + (table.ints[row * INTS + column.COUNT] ?? 0);
      const delta = table.floats[row * FLOATS + column.OPEN_DELTA] ?? 0;
      if (delta !== 0) this.#countOpen(table, id, delta);
    }
    return this.#groupOfRow;
  }

  #countExtras(table: ReportTable, at: CountedAt): void {
    const intervalMs = Math.min(table.endMs - table.startMs, LONGEST_REPORT_MS);
    this.extras.apply(table, { ...at, self: this.#placement.self, intervalMs });
    this.exemplars.apply(table, this.#groupOfRow, at.arrivedMs);
  }

  #countOpen(table: ReportTable, series: number, delta: number): void {
    this.series.open[series] = (this.series.open[series] ?? 0) + delta;
    this.#openings.add(table.boot, series, delta);
  }

  #usedLabels(): Set<number> {
    const used = new Set<number>([...this.#placement.reserved(), ...this.#room.owners(), ...this.extras.usedLabels()]);
    const { series, groups } = this;
    for (let id = 0; id < series.bound; id++) if (series.has(id)) used.add(series.part(id, SERIES_METHOD));
    for (let id = 0; id < groups.bound; id++) {
      if (!groups.has(id)) continue;
      for (const part of [GROUP_SOURCE, GROUP_TARGET, GROUP_ROUTE]) used.add(groups.part(id, part));
      used.add(groups.backend(id));
    }
    return used;
  }
}
