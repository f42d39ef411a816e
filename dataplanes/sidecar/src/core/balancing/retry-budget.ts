import type { RetryBudget } from "../types.ts";

export interface RetryBudgetSettings {
  /** Retries per first try, over the window. */
  readonly ratio: number;
  /** Retries per second that are always there, so that a quiet target can be retried at all. */
  readonly minPerSecond: number;
  readonly windowMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** What a policy may change. */
export type RetryBudgetShape = Pick<RetryBudgetSettings, "ratio" | "minPerSecond" | "windowMs">;

export interface AdjustableBudget extends RetryBudget {
  /** Retries that the budget allows now. */
  left(): number;
  /** Another shape from now on. What was counted stays, unless the window's length changes. */
  shape(shape: RetryBudgetShape): void;
}

/**
 * The defaults of the Linkerd proxies: a fifth of the first tries of the last 10 s, plus 10 a second. A target that fails
 * altogether therefore never sees more than 1.2 times its load (plus the reserve).
 */
export const RETRY_BUDGET = { ratio: 0.2, minPerSecond: 10, windowMs: 10_000 };

const SLICES = 10;

/** Counts first tries and retries over a sliding window of ten slices. */
export function createRetryBudget(settings: RetryBudgetSettings): AdjustableBudget {
  let { ratio, minPerSecond, windowMs }: RetryBudgetShape = settings;
  const deposits = new Float64Array(SLICES);
  const withdrawals = new Float64Array(SLICES);
  let current = Math.floor((settings.now() * SLICES) / windowMs);

  function advance(): number {
    const slice = Math.floor((settings.now() * SLICES) / windowMs);
    for (let clear = Math.max(current + 1, slice - SLICES + 1); clear <= slice; clear += 1) {
      deposits[clear % SLICES] = 0;
      withdrawals[clear % SLICES] = 0;
    }
    current = Math.max(current, slice);
    return current % SLICES;
  }

  function left(): number {
    advance();
    return sum(deposits) * ratio + (minPerSecond * windowMs) / 1000 - sum(withdrawals);
  }

  return {
    deposit() {
      const slice = advance();
      deposits[slice] = (deposits[slice] ?? 0) + 1;
    },
    withdraw() {
      if (left() < 1) return false;
      const slice = advance();
      withdrawals[slice] = (withdrawals[slice] ?? 0) + 1;
      return true;
    },
    left: () => Math.max(0, Math.floor(left())),
    shape(shape) {
      if (shape.windowMs !== windowMs) {
        deposits.fill(0);
        withdrawals.fill(0);
        current = Math.floor((settings.now() * SLICES) / shape.windowMs);
      }
      ({ ratio, minPerSecond, windowMs } = shape);
    },
  };
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
