/** What one report may hold, from the contract in report.proto. */
export const MAX_REPORT_BYTES = 1024 * 1024;
export const MAX_ROWS = 10_000;
export const MAX_STRINGS = 65_535;
export const MAX_STRING_BYTES = 1_024;
export const MAX_EXEMPLARS = 200;
export const MAX_HEALTH = 1_000;
export const MAX_DECISIONS = 1_000;

/** What the aggregate may hold. */
export interface AggregateLimits {
  /** Combinations of labels that one service's proxies may make; what goes beyond is counted in its "overflow" rows. */
  readonly maxSeriesPerSource: number;
  /** Of these, groups of direction, source, target and route: what windows cost memory for. */
  readonly maxGroupsPerSource: number;
  /** The same for all services together. */
  readonly maxSeries: number;
  readonly maxGroups: number;
  /** Targets whose health one service's proxies report, and policies with sources and verdicts that they decide by. */
  readonly maxHealthPerSource: number;
  readonly maxDecisionsPerSource: number;
  /** The same for all services together, each. */
  readonly maxExtras: number;
  /** A series that no report named for this long leaves /metrics. Linkerd's proxies use the same. */
  readonly idleSeriesMs: number;
  /** Proxies (boot ids) whose reports are told apart. */
  readonly maxBoots: number;
}

export const aggregateLimits: AggregateLimits = {
  maxSeriesPerSource: 1_000,
  maxGroupsPerSource: 500,
  maxSeries: 20_000,
  maxGroups: 5_000,
  maxHealthPerSource: 500,
  maxDecisionsPerSource: 500,
  maxExtras: 5_000,
  idleSeriesMs: 600_000,
  maxBoots: 20_000,
};
