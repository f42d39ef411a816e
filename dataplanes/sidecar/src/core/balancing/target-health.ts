import type { Balancer, BalancerCounts, Gauges } from "./balancer.ts";
import type { AdjustableBudget } from "./retry-budget.ts";
import { noCounts, type TargetCounters, type TargetCounts } from "./target-counters.ts";

/** How a target stood at a window's end, by backend, with what was counted in the window. */
export interface HealthRow extends Gauges, BalancerCounts, TargetCounts {
  readonly target: string;
  /** Empty: the target itself. */
  readonly backend: string;
  /** Retries that the budget would allow. */
  readonly retryBudget: number;
}

/** The current state of one backend of a target. */
export interface HealthPath {
  readonly backend: string;
  readonly balancers: readonly Balancer[];
}

export interface TargetHealth {
  /** A request was sent to the backend; empty: to the target itself. */
  used(backend: string): void;
  /** There is something to say: it was used, or a gauge is not what was said last. */
  pending(paths: readonly HealthPath[]): boolean;
  take(paths: readonly HealthPath[]): readonly HealthRow[];
}

export interface TargetHealthOptions {
  readonly target: string;
  readonly retries: AdjustableBudget;
  readonly ledger: TargetCounters;
}

const NOTHING: Gauges = { endpoints: 0, ejected: 0, outstanding: 0 };

/** A balancer that several targets lead to gives its counts to the first that takes them, so that sums stay right. */
export function createTargetHealth({ target, retries, ledger }: TargetHealthOptions): TargetHealth {
  const used = new Set<string>();
  let said = new Map<string, string>();

  const isNews = ({ backend }: HealthPath, gauges: Gauges): boolean =>
    used.has(backend) || (said.has(backend) && said.get(backend) !== keyOf(gauges));

  function row(backend: string, gauges: Gauges, counts: TargetCounts & BalancerCounts): HealthRow {
    return { target, backend, ...gauges, ...counts, retryBudget: retries.left() };
  }

  return {
    used: (backend) => void used.add(backend),
    pending: (paths) => !ledger.empty() || paths.some((path) => isNews(path, gaugesOf(path))),
    take(paths) {
      const events = new Map(ledger.take());
      const known = new Map<string, string>();
      const rows: HealthRow[] = [];
      for (const path of paths) {
        const { backend } = path;
        const gauges = gaugesOf(path);
        const happened = events.get(backend);
        if (happened === undefined && !isNews(path, gauges)) {
          if (said.has(backend)) known.set(backend, keyOf(gauges));
          continue;
        }
        events.delete(backend);
        known.set(backend, keyOf(gauges));
        rows.push(row(backend, gauges, sumOf(countsOf(path), happened ?? noCounts())));
      }
      // Of backends that are none any more by now.
      for (const [backend, happened] of events) rows.push(row(backend, NOTHING, { ...happened, ejections: 0 }));
      used.clear();
      said = known;
      return rows;
    },
  };
}

function gaugesOf({ balancers }: HealthPath): Gauges {
  const [first, ...others] = balancers;
  if (first === undefined) return NOTHING;
  return others.reduce((sum, balancer) => add(sum, balancer.gauges()), first.gauges());
}

function add(a: Gauges, b: Gauges): Gauges {
  return {
    endpoints: a.endpoints + b.endpoints,
    ejected: a.ejected + b.ejected,
    outstanding: a.outstanding + b.outstanding,
  };
}

function countsOf({ balancers }: HealthPath): BalancerCounts {
  const sum: BalancerCounts = { ejections: 0, overloads: 0 };
  for (const balancer of balancers) {
    const { ejections, overloads } = balancer.takeCounts();
    sum.ejections += ejections;
    sum.overloads += overloads;
  }
  return sum;
}

function sumOf(balancers: BalancerCounts, events: TargetCounts): BalancerCounts & TargetCounts {
  return { ...events, ejections: balancers.ejections, overloads: balancers.overloads + events.overloads };
}

function keyOf({ endpoints, ejected, outstanding }: Gauges): string {
  return `${endpoints} ${ejected} ${outstanding}`;
}
