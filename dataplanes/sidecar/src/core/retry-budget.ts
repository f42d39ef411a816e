import type { RetryBudget } from "./types.ts";

export interface RetryBudgetSettings {
  /** Retries per first try, over the window. */
  readonly ratio: number;
  /** Retries per second that are always there, so that a quiet target can be retried at all. */
  readonly minPerSecond: number;
  readonly windowMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * The defaults of the Linkerd proxies: a fifth of the first tries of the last 10 s, plus 10 a second. A target that fails
 * altogether therefore never sees more than 1.2 times its load (plus the reserve).
 */
export const RETRY_BUDGET = { ratio: 0.2, minPerSecond: 10, windowMs: 10_000 };

const SLICES = 10;

/** Counts first tries and retries over a sliding window of ten slices. */
export function createRetryBudget(settings: RetryBudgetSettings): RetryBudget {
  const sliceMs = settings.windowMs / SLICES;
  const reserve = (settings.minPerSecond * settings.windowMs) / 1000;
  const deposits = new Float64Array(SLICES);
  const withdrawals = new Float64Array(SLICES);
  let current = Math.floor(settings.now() / sliceMs);

  function advance(): number {
    const slice = Math.floor(settings.now() / sliceMs);
    for (let clear = Math.max(current + 1, slice - SLICES + 1); clear <= slice; clear += 1) {
      deposits[clear % SLICES] = 0;
      withdrawals[clear % SLICES] = 0;
    }
    current = Math.max(current, slice);
    return current % SLICES;
  }

  return {
    deposit() {
      const slice = advance();
      deposits[slice] = (deposits[slice] ?? 0) + 1;
    },
    withdraw() {
      const slice = advance();
      if (sum(deposits) * settings.ratio + reserve - sum(withdrawals) < 1) return false;
      withdrawals[slice] = (withdrawals[slice] ?? 0) + 1;
      return true;
    },
  };
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
