import { roomInFloats, roomInUints } from "../aggregate/grow.ts";

/** Columns of a target's health, at `health[entry * HEALTH_INTS + column]`; strings are indices of the report's table. */
export const HEALTH_TARGET = 0;
export const HEALTH_BACKEND = 1;
export const HEALTH_ENDPOINTS = 2;
export const HEALTH_EJECTED = 3;
export const HEALTH_OUTSTANDING = 4;
/** From here on counts of the report's window. */
export const HEALTH_EJECTIONS = 5;
export const HEALTH_REFUSED = 6;
export const HEALTH_OVERLOADS = 7;
export const HEALTH_RETRIES = 8;
export const HEALTH_RETRIES_DENIED = 9;
export const HEALTH_INTS = 10;

/** Columns of a decision, at `decisions[entry * DECISION_INTS + column]`. */
export const DECISION_POLICY = 0;
export const DECISION_SOURCE = 1;
export const DECISION_VERDICT = 2;
export const DECISION_COUNT = 3;
export const DECISION_INTS = 4;

/** A request behind a count. */
export interface ReportExemplar {
  /** Index of a row of the report. */
  row: number;
  latencyMs: number;
  /** 32 and 16 hexadecimal digits. */
  traceId: string;
  spanId: string;
  /** Milliseconds since the epoch. */
  atMs: number;
}

/** What a report says beside its rows. Most say nothing, so nothing here has room before it is needed. */
export class ReportExtras {
  exemplars: ReportExemplar[] = [];
  healthCount = 0;
  health = new Uint32Array(0);
  /** Of each health entry. */
  retryBudgets = new Float64Array(0);
  decisionCount = 0;
  decisions = new Uint32Array(0);

  get empty(): boolean {
    return this.healthCount + this.decisionCount + this.exemplars.length === 0;
  }

  get byteLength(): number {
    return this.health.byteLength + this.retryBudgets.byteLength + this.decisions.byteLength;
  }

  reset(): void {
    if (this.empty) return;
    this.exemplars = [];
    this.health.fill(0, 0, this.healthCount * HEALTH_INTS);
    this.retryBudgets.fill(0, 0, this.healthCount);
    this.decisions.fill(0, 0, this.decisionCount * DECISION_INTS);
    this.healthCount = 0;
    this.decisionCount = 0;
  }

  /** Begins an entry of zeros and returns its index. */
  addHealth(): number {
    const entry = this.healthCount++;
    this.health = roomInUints(this.health, this.healthCount * HEALTH_INTS);
    this.retryBudgets = roomInFloats(this.retryBudgets, this.healthCount);
    return entry;
  }

  /** As `addHealth`. */
  addDecision(): number {
    const entry = this.decisionCount++;
    this.decisions = roomInUints(this.decisions, this.decisionCount * DECISION_INTS);
    return entry;
  }
}
