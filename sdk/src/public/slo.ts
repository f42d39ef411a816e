/** A service level objective began to use up its error budget too fast, or stopped to. */
export interface SloChange {
  readonly namespace: string;
  readonly name: string;
  /** The service that calls; empty: every caller. */
  readonly source: string;
  /** The service that is called. */
  readonly target: string;
  readonly state: "burning" | "ok";
  /** Share of good requests that is promised, such as 0.99. */
  readonly objective: number;
  /** Slower ones are not good either. Unset: only failures count. */
  readonly latencyUnderMs?: number;
  /** How many times faster than allowed the budget is used, over a short and a long window. */
  readonly short: SloWindow;
  readonly long: SloWindow;
  /** Burning is when both windows are at this rate or above. */
  readonly threshold: number;
  /** Share of the long window's budget that is left; below 0: overspent. */
  readonly budgetLeft: number;
  readonly at: Date;
}

/** What was seen over a window. */
export interface SloWindow {
  /** 1: the budget is used exactly as fast as it is allowed. */
  readonly burn: number;
  readonly windowMs: number;
}
