import { parseServiceKey, workloadName } from "@patchbay/model";
import * as column from "../decode/report-table.ts";
import { INTS, type ReportTable } from "../decode/report-table.ts";
import type { CardinalityBudget } from "./cardinality-budget.ts";
import {
  BACKEND_SHIFT,
  GROUP_FLAGS,
  GROUP_ROUTE,
  GROUP_SOURCE,
  GROUP_TARGET,
  type GroupTable,
  OPAQUE_FLAG,
  OUTBOUND_FLAG,
  TLS_FLAG,
} from "./group-table.ts";
import type { LabelTable } from "./label-table.ts";
import { OVERFLOW, UNKNOWN } from "./names.ts";
import { packResult, SERIES_GROUP, SERIES_METHOD, SERIES_RESULT, type SeriesTable } from "./series-table.ts";

const ABSENT = -1;
const OUTBOUND = 1;

export interface SeriesLocatorOptions {
  readonly labels: LabelTable;
  readonly groups: GroupTable;
  readonly series: SeriesTable;
  readonly room: CardinalityBudget;
}

/**
 * Finds the series that a row counts in, and makes it when there is room. Without room for the source the row goes to
 * the source's overflow series, and without room for that to the mesh's, of which there are less than a hundred.
 */
export class SeriesLocator {
  /** Rows that went to an overflow series. */
  overflowed = 0;
  readonly #labels: LabelTable;
  readonly #groups: GroupTable;
  readonly #series: SeriesTable;
  readonly #room: CardinalityBudget;
  /** Label id of what is folded together. */
  readonly overflow: number;
  readonly #unknown: number;
  #table: ReportTable | undefined;
  /** Label id of each string of the report at hand. */
  #ids = new Int32Array(64);
  /** Label id of the reporter, who owns what is made for it. */
  #owner = 0;
  /** Label id of the reporter's short name: the source of what it sends, whatever its rows say. */
  #self = 0;
  readonly #selves = new Map<number, number>();

  constructor({ labels, groups, series, room }: SeriesLocatorOptions) {
    this.#labels = labels;
    this.#groups = groups;
    this.#series = series;
    this.#room = room;
    this.overflow = labels.addText(OVERFLOW);
    this.#unknown = labels.addText(UNKNOWN);
  }

  /** Begins with another report. */
  begin(table: ReportTable): void {
    this.#table = table;
    if (this.#ids.length < table.stringCount) this.#ids = new Int32Array(table.stringCount * 2);
    this.#ids[0] = 0;
    for (let index = 1; index < table.stringCount; index++) {
      const from = table.stringSpans[index * 2] ?? 0;
      this.#ids[index] = this.#labels.find(table.bytes, from, table.stringSpans[index * 2 + 1] ?? 0);
    }
    const reporter = this.#ids[table.reporterIndex] ?? ABSENT;
    this.#owner = reporter === ABSENT ? this.#labels.addText(table.reporter) : reporter;
    this.#self = this.#selves.get(this.#owner) ?? this.#labels.addText(workloadName(parseServiceKey(table.reporter)));
    this.#selves.set(this.#owner, this.#self);
  }

  /** Label id of the short name of who made the report at hand. */
  get self(): number {
    return this.#self;
  }

  /** The series of a row of the report at hand. */
  seriesOf(table: ReportTable, row: number): number {
    const { ints } = table;
    const from = row * INTS;
    const { key } = this.#groups;
    key[GROUP_FLAGS] = flagsOf(ints, from);
    if (ints[from + column.BACKEND] !== 0)
      this.#addBackend(from, this.#ids[ints[from + column.BACKEND] ?? 0] ?? ABSENT);
    key[GROUP_SOURCE] = outboundIn(ints, from) ? this.#self : (this.#ids[ints[from + column.SOURCE] ?? 0] ?? ABSENT);
    key[GROUP_TARGET] = this.#ids[ints[from + column.TARGET] ?? 0] ?? ABSENT;
    key[GROUP_ROUTE] = this.#ids[requestPart(ints, from, column.ROUTE)] ?? ABSENT;
    // A label that nobody had before is -1, and in no key.
    const group = this.#groups.find();
    const method = requestPart(ints, from, column.METHOD);
    const result = resultOf(ints, from);
    const known = group === ABSENT ? ABSENT : this.#findSeries(group, this.#ids[method] ?? ABSENT, result);
    if (known !== ABSENT) return known;
    const made = this.#make(from, group, result);
    return made === ABSENT ? this.#foldedSeries(from) : made;
  }

  /** Label ids may mean something else from now on. */
  forget(): void {
    this.#selves.clear();
  }

  /** Label ids that are in use without being in a key. */
  *reserved(): Iterable<number> {
    yield this.overflow;
    yield this.#unknown;
  }

  #findSeries(group: number, method: number, result: number): number {
    const { key } = this.#series;
    key[SERIES_GROUP] = group;
    key[SERIES_METHOD] = method;
    key[SERIES_RESULT] = result;
    return this.#series.find();
  }

  /** Puts an outbound row's backend beside the flags of the groups' key. The target itself is no backend. */
  #addBackend(from: number, backend: number): void {
    const ints = this.#table?.ints ?? new Uint32Array(INTS);
    if (!outboundIn(ints, from) || backend === this.#ids[ints[from + column.TARGET] ?? 0]) return;
    const { key } = this.#groups;
    key[GROUP_FLAGS] = (key[GROUP_FLAGS] ?? 0) | (backend << BACKEND_SHIFT);
  }

  /** Makes the row's own series. Asks for room first, because labels cost memory too. */
  #make(from: number, knownGroup: number, result: number): number {
    if (!this.#room.forSeries(this.#owner)) return ABSENT;
    if (knownGroup === ABSENT && !this.#room.forGroup(this.#owner)) return ABSENT;
    const ints = this.#table?.ints ?? new Uint32Array(INTS);
    const opaque = ints[from + column.OPAQUE] === 1;
    const method = opaque ? 0 : this.#label(from + column.METHOD);
    const { key } = this.#groups;
    if (key[GROUP_SOURCE] === ABSENT) key[GROUP_SOURCE] = this.#label(from + column.SOURCE);
    key[GROUP_TARGET] = this.#label(from + column.TARGET);
    key[GROUP_ROUTE] = opaque ? 0 : this.#label(from + column.ROUTE);
    key[GROUP_FLAGS] = flagsOf(ints, from);
    if (ints[from + column.BACKEND] !== 0) this.#addBackend(from, this.#label(from + column.BACKEND));
    return this.#findOrMake(method, result);
  }

  /** The label id at a place in the report's rows, new if need be. */
  #label(at: number): number {
    const table = this.#table;
    const index = table?.ints[at] ?? 0;
    const known = this.#ids[index] ?? 0;
    if (known !== ABSENT || !table) return known;
    const id = this.#labels.add(table.bytes, table.stringSpans[index * 2] ?? 0, table.stringSpans[index * 2 + 1] ?? 0);
    this.#ids[index] = id;
    return id;
  }

  /** The series of the groups' key, a method and a result. */
  #findOrMake(method: number, result: number): number {
    let group = this.#groups.find();
    if (group === ABSENT) {
      group = this.#groups.create(this.#owner);
      this.#room.madeGroup(this.#owner);
    }
    const known = this.#findSeries(group, method, result);
    if (known !== ABSENT) return known;
    this.#room.madeSeries(this.#owner);
    return this.#series.create(this.#owner);
  }

  /** An overflow series: the reporter's own, or the mesh's when that one is new and there is no room for it either. */
  #foldedSeries(from: number): number {
    this.overflowed++;
    const ints = this.#table?.ints ?? new Uint32Array(INTS);
    const result = foldedResult(ints, from);
    this.#foldKey(from, this.#self);
    const group = this.#groups.find();
    const known = group === ABSENT ? ABSENT : this.#findSeries(group, 0, result);
    if (known !== ABSENT) return known;
    if (!this.#room.forOverflow()) this.#foldKey(from, this.overflow);
    return this.#findOrMake(0, result);
  }

  /** Keeps of the key what sums need: the direction, and whether the source is known. */
  #foldKey(from: number, reporter: number): void {
    const ints = this.#table?.ints ?? new Uint32Array(INTS);
    const { key } = this.#groups;
    const outbound = outboundIn(ints, from);
    const unknown = this.#ids[ints[from + column.SOURCE] ?? 0] === this.#unknown;
    key[GROUP_FLAGS] = flagsOf(ints, from) & ~TLS_FLAG;
    key[GROUP_SOURCE] = outbound ? reporter : unknown ? this.#unknown : this.overflow;
    key[GROUP_TARGET] = outbound ? this.overflow : reporter;
    key[GROUP_ROUTE] = ints[from + column.OPAQUE] === 1 ? 0 : this.overflow;
  }
}

function outboundIn(ints: Uint32Array, from: number): boolean {
  return ints[from + column.DIRECTION] === OUTBOUND;
}

function flagsOf(ints: Uint32Array, from: number): number {
  return (
    (outboundIn(ints, from) ? OUTBOUND_FLAG : 0) |
    (ints[from + column.OPAQUE] === 1 ? OPAQUE_FLAG : 0) |
    (ints[from + column.TLS] === 1 ? TLS_FLAG : 0)
  );
}

/** Index of the string of a label that only requests have. Opaque connections of a pair are one series. */
function requestPart(ints: Uint32Array, from: number, label: number): number {
  return ints[from + column.OPAQUE] === 1 ? 0 : (ints[from + label] ?? 0);
}

function resultOf(ints: Uint32Array, from: number): number {
  if (ints[from + column.OPAQUE] === 1) return 0;
  return packResult(
    ints[from + column.STATUS] ?? 0,
    ints[from + column.GRPC_STATUS] ?? 0,
    ints[from + column.FAILURE] ?? 0,
  );
}

/** Of the status its class remains. */
function foldedResult(ints: Uint32Array, from: number): number {
  if (ints[from + column.OPAQUE] === 1) return 0;
  const status = ints[from + column.STATUS] ?? 0;
  return packResult(status - (status % 100), 0, ints[from + column.FAILURE] ?? 0);
}
