import type { BalancerSettings } from "./balancer.ts";

/** How requests are spread. Each number with its unit and the reason to change it. */
export const BALANCER_DEFAULTS = {
  /** 3 s: an endpoint that was ten times slower is as good as new after 7 s. Longer: fewer looks at slow endpoints. */
  decayMs: 3_000,
  /** 500 ms: more than nearly every answer. */
  failurePenaltyMs: 500,
  /** 1,000 requests in flight per endpoint; beyond, the client hears 503 at once instead of late. */
  maxOutstanding: 1_000,
  /** Five failures in a row; less ejects on bad luck, more costs more failed requests. */
  maxFailures: 5,
  minBackoffMs: 1_000,
  maxBackoffMs: 60_000,
  jitter: 0.2,
  /** 10 s for the one request that probes; then another may. */
  probeMs: 10_000,
} satisfies Partial<BalancerSettings>;
