import { MAX_DECISIONS, MAX_EXEMPLARS, MAX_HEALTH } from "../limits.ts";
import { ReportError } from "./report-error.ts";
import {
  DECISION_COUNT,
  DECISION_INTS,
  DECISION_POLICY,
  DECISION_SOURCE,
  DECISION_VERDICT,
  HEALTH_BACKEND,
  HEALTH_INTS,
  HEALTH_TARGET,
  type ReportExemplar,
} from "./report-extras.ts";
import type { ReportTable } from "./report-table.ts";
import type { WireReader } from "./wire-reader.ts";

/** Tag of a field: its number and wire type, as in report.proto. */
const varint = (field: number): number => field << 3;
const fixed = (field: number): number => (field << 3) | 1;
const bytes = (field: number): number => (field << 3) | 2;

const EXEMPLAR = { row: varint(1), latencyMs: fixed(2), traceId: bytes(3), spanId: bytes(4), atMs: fixed(5) } as const;
const HEALTH_RETRY_BUDGET = fixed(6);
/** Columns of TargetHealth by field number; 6 is no whole number. */
const HEALTH_COLUMNS = [-1, 0, 1, 2, 3, 4, -1, 5, 6, 7, 8, 9] as const;
const decisionColumns = [-1, DECISION_POLICY, DECISION_SOURCE, DECISION_VERDICT, DECISION_COUNT] as const;

/** Reads one Exemplar of a report. */
export function readExemplar(reader: WireReader, { bytes: message, extras }: ReportTable): void {
  if (extras.exemplars.length === MAX_EXEMPLARS) {
    throw new ReportError(`the report has more than ${MAX_EXEMPLARS} exemplars`);
  }
  const exemplar: ReportExemplar = { row: 0, latencyMs: 0, traceId: "", spanId: "", atMs: 0 };
  extras.exemplars.push(exemplar);
  within(reader, (tag) => {
    if (tag === EXEMPLAR.row) exemplar.row = reader.uint32();
    else if (tag === EXEMPLAR.latencyMs) exemplar.latencyMs = reader.double();
    else if (tag === EXEMPLAR.traceId) exemplar.traceId = readHex(reader, message);
    else if (tag === EXEMPLAR.spanId) exemplar.spanId = readHex(reader, message);
    else if (tag === EXEMPLAR.atMs) exemplar.atMs = reader.fixed64();
    else reader.skip(tag);
  });
}

/** Reads one TargetHealth of a report. */
export function readHealth(reader: WireReader, { extras }: ReportTable): void {
  if (extras.healthCount === MAX_HEALTH)
    throw new ReportError(`the report has more than ${MAX_HEALTH} targets' health`);
  const entry = extras.addHealth();
  within(reader, (tag) => {
    const column = columnOf(HEALTH_COLUMNS, tag);
    if (column >= 0) extras.health[entry * HEALTH_INTS + column] = reader.uint32();
    else if (tag === HEALTH_RETRY_BUDGET) extras.retryBudgets[entry] = reader.double();
    else reader.skip(tag);
  });
}

/** Reads one Decision of a report. */
export function readDecision(reader: WireReader, { extras }: ReportTable): void {
  if (extras.decisionCount === MAX_DECISIONS) {
    throw new ReportError(`the report has more than ${MAX_DECISIONS} decisions`);
  }
  const entry = extras.addDecision();
  within(reader, (tag) => {
    const column = columnOf(decisionColumns, tag);
    if (column >= 0) extras.decisions[entry * DECISION_INTS + column] = reader.uint32();
    else reader.skip(tag);
  });
}

/** Checks what `readExemplar`, `readHealth` and `readDecision` have read, once the whole report is known. */
export function checkExtras(table: ReportTable): void {
  for (const [index, exemplar] of table.extras.exemplars.entries()) checkExemplar(table, exemplar, index);
  checkHealth(table);
  checkDecisions(table);
}

/** The column of a whole number with this tag, or -1. */
function columnOf(columns: readonly number[], tag: number): number {
  return (tag & 7) === 0 ? (columns[tag >>> 3] ?? -1) : -1;
}

/** Calls back with each tag of a message inside of the message at hand. */
function within(reader: WireReader, onTag: (tag: number) => void): void {
  const to = reader.length();
  const outerEnd = reader.end;
  reader.end = to;
  while (reader.at < to) onTag(reader.uint32());
  reader.end = outerEnd;
}

function readHex(reader: WireReader, message: Uint8Array): string {
  const to = reader.length();
  const value = message.subarray(reader.at, to);
  reader.at = to;
  // Longer ones are refused; what they hold does not matter.
  return Array.from(value.subarray(0, 17), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function checkExemplar(table: ReportTable, exemplar: ReportExemplar, index: number): void {
  const { row, latencyMs, traceId, spanId } = exemplar;
  if (row >= table.rowCount) {
    throw new ReportError(`exemplar ${index}: row ${row}, but the report has ${table.rowCount} rows`);
  }
  if (!(latencyMs >= 0 && latencyMs < Number.POSITIVE_INFINITY)) {
    throw new ReportError(`exemplar ${index}: latency must be finite and not negative, not ${latencyMs}`);
  }
  if (traceId.length !== 32) throw new ReportError(`exemplar ${index}: trace_id must have 16 bytes`);
  if (spanId.length !== 16) throw new ReportError(`exemplar ${index}: span_id must have 8 bytes`);
}

function checkHealth(table: ReportTable): void {
  const { health, healthCount, retryBudgets } = table.extras;
  for (let entry = 0; entry < healthCount; entry++) {
    checkString(table, `health ${entry}: target`, health[entry * HEALTH_INTS + HEALTH_TARGET]);
    checkString(table, `health ${entry}: backend`, health[entry * HEALTH_INTS + HEALTH_BACKEND]);
    const budget = retryBudgets[entry] ?? 0;
    if (budget >= 0 && budget < Number.POSITIVE_INFINITY) continue;
    throw new ReportError(`health ${entry}: retry_budget must be finite and not negative, not ${budget}`);
  }
}

function checkDecisions(table: ReportTable): void {
  const { decisions, decisionCount } = table.extras;
  for (let entry = 0; entry < decisionCount; entry++) {
    const from = entry * DECISION_INTS;
    checkString(table, `decision ${entry}: policy`, decisions[from + DECISION_POLICY]);
    checkString(table, `decision ${entry}: source`, decisions[from + DECISION_SOURCE]);
    if (decisions[from + DECISION_VERDICT] === 0) throw new ReportError(`decision ${entry}: verdict is not set`);
  }
}

/** Without a string table, index 0 still means the empty string. */
export function checkString({ stringCount }: ReportTable, what: string, index = 0): void {
  if (index < Math.max(stringCount, 1)) return;
  throw new ReportError(`${what} is string ${index}, but the table has ${stringCount} strings`);
}
