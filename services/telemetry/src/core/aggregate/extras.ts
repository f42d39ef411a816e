import {
  DECISION_COUNT,
  DECISION_INTS,
  DECISION_POLICY,
  DECISION_SOURCE,
  DECISION_VERDICT,
  HEALTH_BACKEND,
  HEALTH_EJECTED,
  HEALTH_EJECTIONS,
  HEALTH_ENDPOINTS,
  HEALTH_INTS,
  HEALTH_OUTSTANDING,
  HEALTH_TARGET,
} from "../decode/report-extras.ts";
import type { ReportTable } from "../decode/report-table.ts";
import type { AggregateLimits } from "../limits.ts";
import { OTHER_VERDICT } from "./authorization-counts.ts";
import { Gauges } from "./gauges.ts";
import type { LabelTable } from "./label-table.ts";
import { type CountedAt, WindowCounts } from "./window-counts.ts";
import { LONGEST_WINDOW_MS } from "./windows.ts";

/** Parts of the key of a target's health: label ids. Backend 0: the target itself. */
export const HEALTH_KEY_SOURCE = 0;
export const HEALTH_KEY_TARGET = 1;
const HEALTH_KEY_BACKEND = 2;

/** Counts of a target's health. */
export const COUNT_EJECTIONS = 0;
export const COUNT_REFUSED = 1;
export const COUNT_OVERLOADS = 2;
export const COUNT_RETRIES = 3;
export const COUNT_RETRIES_DENIED = 4;
const HEALTH_COUNTS = 5;

/** Parts of a decision's key: label ids, and the number of the verdict. The target is the service that decided. */
export const DECISION_KEY_TARGET = 0;
export const DECISION_KEY_POLICY = 1;
export const DECISION_KEY_SOURCE = 2;
export const DECISION_KEY_VERDICT = 3;

/** Parts of both keys that are label ids. */
const LABEL_PARTS = 3;
const ABSENT = -1;
/** Shortest report interval that is believed. */
const SHORTEST_REPORT_MS = 1_000;

export interface ReportedBy extends CountedAt {
  /** Label id of the reporting service's short name. */
  readonly self: number;
  /** The report's window, in ms. */
  readonly intervalMs: number;
}

/** How targets stand with the proxies that use them, and what policies decided. */
export class Extras {
  readonly health: WindowCounts;
  readonly decisions: WindowCounts;
  readonly gauges = new Gauges();
  /** Entries that were folded together because of a limit on cardinality. */
  overflowed = 0;
  readonly #labels: LabelTable;
  readonly #overflow: number;

  /** @param overflow label id of what is folded together */
  constructor(limits: AggregateLimits, labels: LabelTable, overflow: number) {
    const { maxHealthPerSource, maxDecisionsPerSource, maxExtras: max } = limits;
    this.health = new WindowCounts({ columns: HEALTH_COUNTS, maxPerOwner: maxHealthPerSource, max });
    this.decisions = new WindowCounts({ columns: 1, maxPerOwner: maxDecisionsPerSource, max });
    this.#labels = labels;
    this.#overflow = overflow;
  }

  /** Counts what a report says beside its rows. */
  apply(table: ReportTable, by: ReportedBy): void {
    const { healthCount, decisionCount } = table.extras;
    for (let entry = 0; entry < healthCount; entry++) this.#applyHealth(table, entry, by);
    for (let entry = 0; entry < decisionCount; entry++) this.#applyDecision(table, entry * DECISION_INTS, by);
  }

  /** Label ids that keys are made of. */
  *usedLabels(): Iterable<number> {
    for (const counts of [this.health, this.decisions])
      for (const id of counts.ids()) for (let part = 0; part < LABEL_PARTS; part++) yield counts.part(id, part);
  }

  /** Label id of the service that was chosen for a target; the target's own when nothing else was. */
  backend(id: number): number {
    return this.health.part(id, HEALTH_KEY_BACKEND) || this.health.part(id, HEALTH_KEY_TARGET);
  }

  sweep(now: number): void {
    this.gauges.forget(now - LONGEST_WINDOW_MS);
    this.health.sweep(now);
    this.decisions.sweep(now);
  }

  #applyHealth(table: ReportTable, entry: number, by: ReportedBy): void {
    const { health: ints, retryBudgets } = table.extras;
    const from = entry * HEALTH_INTS;
    const find = (create: boolean): void => {
      const target = this.#label(table, ints[from + HEALTH_TARGET], create);
      const backend = this.#label(table, ints[from + HEALTH_BACKEND], create);
      this.health.key.set([by.self, target, backend === target ? 0 : backend, 0]);
    };
    const placed = this.#place(this.health, by.self, find);
    if (!placed) this.health.key.set([this.#selfOrOverflow(this.health, by.self), this.#overflow, 0, 0]);
    const id = this.health.findOrMake(by.self);
    this.health.count(id, { of: ints, from: from + HEALTH_EJECTIONS }, by);
    if (!placed) return;
    this.gauges.set(
      { boot: table.boot, owner: by.self, id },
      {
        timeMs: by.timeMs,
        arrivedMs: by.arrivedMs,
        intervalMs: Math.max(SHORTEST_REPORT_MS, by.intervalMs),
        endpoints: ints[from + HEALTH_ENDPOINTS] ?? 0,
        ejected: ints[from + HEALTH_EJECTED] ?? 0,
        outstanding: ints[from + HEALTH_OUTSTANDING] ?? 0,
        retryBudget: retryBudgets[entry] ?? 0,
      },
    );
  }

  #applyDecision(table: ReportTable, from: number, by: ReportedBy): void {
    const { decisions: ints } = table.extras;
    const verdict = Math.min(ints[from + DECISION_VERDICT] ?? 0, OTHER_VERDICT);
    const find = (create: boolean): void => {
      const policy = this.#label(table, ints[from + DECISION_POLICY], create);
      const source = this.#label(table, ints[from + DECISION_SOURCE], create);
      this.decisions.key.set([by.self, policy, source, verdict]);
    };
    if (!this.#place(this.decisions, by.self, find)) {
      const self = this.#selfOrOverflow(this.decisions, by.self);
      this.decisions.key.set([self, this.#overflow, this.#overflow, verdict]);
    }
    const id = this.decisions.findOrMake(by.self);
    this.decisions.count(id, { of: ints, from: from + DECISION_COUNT }, by);
  }

  /** Fills the key, by `find`. Asks for room before it makes labels, which cost memory too; false without room. */
  #place(counts: WindowCounts, owner: number, find: (create: boolean) => void): boolean {
    find(false);
    // A label that nobody had before is -1, and in no key.
    if (counts.find() !== ABSENT) return true;
    if (!counts.hasRoom(owner)) {
      this.overflowed++;
      return false;
    }
    find(true);
    return true;
  }

  /** Who owns the overflow entry: the service, or the whole mesh when there is no room even for that. */
  #selfOrOverflow(counts: WindowCounts, self: number): number {
    return counts.hasRoomForOverflow() ? self : this.#overflow;
  }

  #label({ bytes, stringSpans }: ReportTable, index = 0, create = false): number {
    if (index === 0) return 0;
    const from = stringSpans[index * 2] ?? 0;
    const to = stringSpans[index * 2 + 1] ?? 0;
    return create ? this.#labels.add(bytes, from, to) : this.#labels.find(bytes, from, to);
  }
}
