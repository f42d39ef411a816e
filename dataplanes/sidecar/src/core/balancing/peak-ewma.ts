/**
 * Latency as the balancer sees it: an exponentially weighted moving average that jumps to every peak at once and comes
 * down slowly. Known from Finagle's P2CPeakEwma and tower's `peak_ewma`.
 *
 *     observe:  latency > value:  value = latency
 *               otherwise:        value = value * w + latency * (1 - w),   w = e^(-elapsed / decay)
 *     cost:     value * e^(-elapsed / decay) * (outstanding + 1)
 *
 * The average keeps decaying towards zero while nothing is sent: an endpoint that was slow gets another look after a
 * while, and one look is enough to send it back. With a decay of 3 s an endpoint that was 10 times slower costs as much as
 * the others again after 3 s * ln 10 = 6.9 s.
 */
export interface PeakEwma {
  /** Milliseconds. Negative: never measured. */
  valueMs: number;
  /** When it was measured last, milliseconds of the caller's clock. */
  at: number;
}

/** One attempt in flight at an endpoint that has never answered keeps all others away from it. */
const UNMEASURED_COST = 1e9;

export function createPeakEwma(): PeakEwma {
  return { valueMs: -1, at: 0 };
}

export function observe(
  ewma: PeakEwma,
  sample: { readonly latencyMs: number; readonly now: number; readonly decayMs: number },
): void {
  const { latencyMs, now, decayMs } = sample;
  if (latencyMs >= ewma.valueMs) {
    ewma.valueMs = latencyMs;
  } else {
    const w = Math.exp(-Math.max(0, now - ewma.at) / decayMs);
    ewma.valueMs = ewma.valueMs * w + latencyMs * (1 - w);
  }
  ewma.at = now;
}

/** What one more request would cost there. A new endpoint is free until its first attempt, then dear until that is answered. */
export function cost(
  ewma: PeakEwma,
  load: { readonly outstanding: number; readonly now: number; readonly decayMs: number },
): number {
  const { outstanding, now, decayMs } = load;
  if (ewma.valueMs < 0) return UNMEASURED_COST * outstanding;
  return ewma.valueMs * Math.exp(-Math.max(0, now - ewma.at) / decayMs) * (outstanding + 1);
}
