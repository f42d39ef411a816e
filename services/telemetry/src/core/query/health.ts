import { Verdict } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import type { Aggregate } from "../aggregate/aggregate.ts";
import {
  COUNT_EJECTIONS,
  COUNT_OVERLOADS,
  COUNT_REFUSED,
  COUNT_RETRIES,
  COUNT_RETRIES_DENIED,
  DECISION_KEY_POLICY,
  DECISION_KEY_SOURCE,
  DECISION_KEY_TARGET,
  DECISION_KEY_VERDICT,
  HEALTH_KEY_SOURCE,
  HEALTH_KEY_TARGET,
} from "../aggregate/extras.ts";
import { type Gauge, isFresh } from "../aggregate/gauges.ts";
import {
  type DecisionRow,
  emptyHealthRow,
  type HealthResult,
  type HealthRow,
  sortDecisions,
  sortHealth,
} from "./health-row.ts";
import { windowOf } from "./stat.ts";

export interface HealthQuery {
  /** 1 to 3600. */
  readonly windowSeconds: number;
  /** Exact names; empty: all. */
  readonly source: string;
  readonly target: string;
}

/** Answers how targets stand now, and what happened to them and was decided in a window that ends with the last full second. */
export function health(aggregate: Aggregate, query: HealthQuery, now: number): HealthResult {
  const window = windowOf(aggregate, query.windowSeconds, now);
  const names = createNames(aggregate, query);
  const rows = new Map<number, HealthRow>();
  const rowOf = (id: number): HealthRow | undefined => {
    const row = rows.get(id) ?? names.health(id);
    if (row) rows.set(id, row);
    return row;
  };
  const { extras } = aggregate;
  extras.health.visit(window.fromMs, window.asOfMs, (id, counts, from) => {
    const row = rowOf(id);
    if (row) addCounts(row, counts, from);
  });
  extras.gauges.visit((id, gauge) => {
    const row = gauge.arrivedMs >= window.fromMs ? rowOf(id) : undefined;
    if (row) addGauge(row, gauge, now);
  });
  const decisions = new Map<number, DecisionRow>();
  extras.decisions.visit(window.fromMs, window.asOfMs, (id, counts, from) => {
    const row = decisions.get(id) ?? names.decision(id);
    if (!row) return;
    decisions.set(id, row);
    row.count += counts[from] ?? 0;
  });
  const { asOfMs, windowSeconds } = window;
  return { windowSeconds, asOfMs, rows: sortHealth(rows.values()), decisions: sortDecisions(decisions.values()) };
}

/** Makes rows of what the query asks for; undefined for what it does not. */
function createNames({ extras, labels }: Aggregate, { source, target }: HealthQuery) {
  const asked = (row: { readonly source: string; readonly target: string }): boolean =>
    (source === "" || source === row.source) && (target === "" || target === row.target);
  return {
    health(id: number): HealthRow | undefined {
      const part = (at: number): string => labels.text(extras.health.part(id, at));
      const row = emptyHealthRow(part(HEALTH_KEY_SOURCE), part(HEALTH_KEY_TARGET), labels.text(extras.backend(id)));
      return asked(row) ? row : undefined;
    },
    decision(id: number): DecisionRow | undefined {
      const part = (at: number): string => labels.text(extras.decisions.part(id, at));
      const row: DecisionRow = {
        target: part(DECISION_KEY_TARGET),
        policy: part(DECISION_KEY_POLICY),
        source: part(DECISION_KEY_SOURCE),
        verdict: verdictOf(extras.decisions.part(id, DECISION_KEY_VERDICT)),
        count: 0,
      };
      return asked(row) ? row : undefined;
    },
  };
}

function addCounts(row: HealthRow, counts: Uint32Array, from: number): void {
  row.ejections += counts[from + COUNT_EJECTIONS] ?? 0;
  row.refused += counts[from + COUNT_REFUSED] ?? 0;
  row.overloads += counts[from + COUNT_OVERLOADS] ?? 0;
  row.retries += counts[from + COUNT_RETRIES] ?? 0;
  row.retriesDenied += counts[from + COUNT_RETRIES_DENIED] ?? 0;
}

/** Adds what one proxy said; what is not fresh only tells that the proxy was there. */
export function addGauge(row: HealthRow, gauge: Gauge, now: number): void {
  row.proxies++;
  if (!isFresh(gauge, now)) return;
  row.reporting++;
  row.endpoints = Math.max(row.endpoints, gauge.endpoints);
  row.ejected += gauge.ejected;
  row.outstanding += gauge.outstanding;
  row.retryBudget += gauge.retryBudget;
}

/** One of a newer version of the contract counts as unspecified. */
function verdictOf(number: number): Verdict {
  return VERDICTS.find((verdict) => verdict === number) ?? Verdict.UNSPECIFIED;
}

const VERDICTS: readonly Verdict[] = Object.values(Verdict);
