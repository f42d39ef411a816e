import type { Aggregate } from "../aggregate/aggregate.ts";
import { GROUP_ROUTE, GROUP_SOURCE, GROUP_TARGET } from "../aggregate/group-table.ts";
import { UNKNOWN } from "../aggregate/names.ts";
import {
  COUNTS,
  PAGE_BUCKETS,
  PAGE_COUNT,
  PAGE_FAILURES,
  PAGE_REQUEST_BYTES,
  PAGE_RESPONSE_BYTES,
  PAGE_RETRIES,
  SUMS,
  type WindowPage,
} from "../aggregate/window-page.ts";
import { emptyRow, type RowNames, type StatResult, type StatRow, sortRows } from "./stat-row.ts";

/** Which labels make a row: the target; source and target; or these and the route or the backend. */
export type GroupBy = "target" | "pair" | "route" | "backend";

export interface StatQuery {
  /** 1 to 3600. */
  readonly windowSeconds: number;
  readonly groupBy: GroupBy;
  /** Exact names; empty: all. */
  readonly source: string;
  readonly target: string;
  readonly route: string;
  readonly backend: string;
}

/**
 * Answers a question about a window that ends with the last full second.
 *
 * Both ends of a hop report it. What the caller's proxy saw counts, because that is what the caller got, retries and
 * connection failures included. What the callee's proxy saw counts only for callers without a proxy of the mesh
 * ("unknown"), so that nothing is counted twice.
 */
export function stat(aggregate: Aggregate, query: StatQuery, now: number): StatResult {
  const { asOfMs, fromMs, windowSeconds } = windowOf(aggregate, query.windowSeconds, now);
  const rows = new RowSet(aggregate, query);
  aggregate.windows.visit(fromMs, asOfMs, (page) => rows.addPage(page));
  rows.addOpenConnections();
  return { windowSeconds, asOfMs, rows: rows.finish(windowSeconds) };
}

/** The window of so many seconds that ends with the last full one: its bounds in ms, and what of it is covered. */
export function windowOf(aggregate: Aggregate, seconds: number, now: number) {
  const asOfMs = Math.floor(now / 1_000) * 1_000;
  const fromMs = windowStart(asOfMs, seconds);
  return { asOfMs, fromMs, windowSeconds: Math.max(0, asOfMs - Math.max(fromMs, aggregate.sinceMs)) / 1_000 };
}

/** Windows of more than 1 and 10 minutes begin with a slot of theirs: see `Windows`. */
function windowStart(asOfMs: number, seconds: number): number {
  const slotMs = seconds <= 60 ? 1_000 : seconds <= 600 ? 10_000 : 60_000;
  return Math.ceil((asOfMs - seconds * 1_000) / slotMs) * slotMs;
}

const NOT_ASKED = null;

class RowSet {
  readonly #aggregate: Aggregate;
  readonly #query: StatQuery;
  readonly #rows = new Map<string, StatRow>();
  readonly #rowOfGroup = new Map<number, StatRow | typeof NOT_ASKED>();

  constructor(aggregate: Aggregate, query: StatQuery) {
    this.#aggregate = aggregate;
    this.#query = query;
  }

  addPage(page: WindowPage): void {
    const { counts, sums } = page;
    for (let at = 0; at < page.rows; at++) {
      const row = this.#rowOf(page.groups[at] ?? 0);
      if (row === NOT_ASKED) continue;
      row.requests += counts[at * COUNTS + PAGE_COUNT] ?? 0;
      row.failures += counts[at * COUNTS + PAGE_FAILURES] ?? 0;
      row.retries += counts[at * COUNTS + PAGE_RETRIES] ?? 0;
      row.requestBytes += sums[at * SUMS + PAGE_REQUEST_BYTES] ?? 0;
      row.responseBytes += sums[at * SUMS + PAGE_RESPONSE_BYTES] ?? 0;
      // How long a connection was open says nothing about how fast a service answers.
      if (this.#aggregate.groups.opaque(page.groups[at] ?? 0)) continue;
      const from = at * COUNTS + PAGE_BUCKETS;
      for (let bucket = 0; bucket < row.latency.length; bucket++) {
        row.latency[bucket] = (row.latency[bucket] ?? 0) + (counts[from + bucket] ?? 0);
      }
    }
  }

  /** Open connections are a state, not of a window; a pair that has some and nothing else has a row too. */
  addOpenConnections(): void {
    const { series } = this.#aggregate;
    for (let id = 0; id < series.bound; id++) {
      const open = series.open[id] ?? 0;
      if (open === 0 || !series.has(id)) continue;
      const row = this.#rowOf(series.group(id));
      if (row !== NOT_ASKED) row.tcpOpen += open;
    }
  }

  finish(windowSeconds: number): StatRow[] {
    for (const row of this.#rows.values()) {
      row.rps = windowSeconds > 0 ? row.requests / windowSeconds : 0;
      // Closings whose openings were reported elsewhere, or before the last restart.
      row.tcpOpen = Math.max(0, row.tcpOpen);
    }
    return sortRows(this.#rows.values());
  }

  #rowOf(group: number): StatRow | typeof NOT_ASKED {
    const known = this.#rowOfGroup.get(group);
    if (known !== undefined) return known;
    const row = this.#find(group);
    this.#rowOfGroup.set(group, row);
    return row;
  }

  #find(group: number): StatRow | typeof NOT_ASKED {
    const { groups, labels } = this.#aggregate;
    const { groupBy } = this.#query;
    const names = {
      source: labels.text(groups.part(group, GROUP_SOURCE)),
      target: labels.text(groups.part(group, GROUP_TARGET)),
      backend: labels.text(groups.backend(group)),
      route: labels.text(groups.part(group, GROUP_ROUTE)),
    };
    if (!groups.outbound(group) && names.source !== UNKNOWN) return NOT_ASKED;
    if (!this.#asked(names)) return NOT_ASKED;
    const shown: RowNames = {
      source: groupBy === "target" ? "" : names.source,
      target: names.target,
      backend: groupBy === "backend" ? names.backend : "",
      route: groupBy === "route" ? names.route : "",
    };
    const key = JSON.stringify(Object.values(shown));
    const row = this.#rows.get(key) ?? emptyRow(shown);
    this.#rows.set(key, row);
    return row;
  }

  #asked(names: RowNames): boolean {
    const { source, target, backend, route } = this.#query;
    return (
      (source === "" || source === names.source) &&
      (target === "" || target === names.target) &&
      (backend === "" || backend === names.backend) &&
      (route === "" || route === names.route)
    );
  }
}
