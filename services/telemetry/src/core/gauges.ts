/** State of a target as one proxy saw it at a moment. */
export interface Gauge {
  /** End of the window that it was reported for, in ms. */
  readonly timeMs: number;
  /** Length of that window, in ms: how often the proxy reports. */
  readonly intervalMs: number;
  readonly endpoints: number;
  readonly ejected: number;
  readonly outstanding: number;
  readonly retryBudget: number;
}

const INTERVALS_FRESH = 3;
const MAX_GAUGES = 20_000;

/** The newest gauges of each proxy (by its boot identity) and target (by an id of the caller's). */
export class Gauges {
  readonly #byBoot = new Map<string, Map<number, Gauge>>();
  #size = 0;

  /** Keeps a gauge unless a newer one is known. Of a mesh with too many, new ones are left out. */
  set(boot: string, id: number, gauge: Gauge): void {
    const gauges = this.#byBoot.get(boot) ?? new Map<number, Gauge>();
    const known = gauges.get(id);
    if (known ? known.timeMs > gauge.timeMs : this.#size >= MAX_GAUGES) return;
    if (!known) this.#size++;
    // A report that is cut short, such as the last one, does not make the proxy report more often.
    gauges.set(id, { ...gauge, intervalMs: Math.max(gauge.intervalMs, known?.intervalMs ?? 0) });
    this.#byBoot.set(boot, gauges);
  }

  visit(onGauge: (id: number, gauge: Gauge) => void): void {
    for (const gauges of this.#byBoot.values()) for (const [id, gauge] of gauges) onGauge(id, gauge);
  }

  /** Forgets what was reported before `before`, in ms. */
  forget(before: number): void {
    for (const [boot, gauges] of this.#byBoot) {
      for (const [id, { timeMs }] of gauges) if (timeMs < before && gauges.delete(id)) this.#size--;
      if (gauges.size === 0) this.#byBoot.delete(boot);
    }
  }
}

/** Whether a gauge still tells the state: it is forgotten three report intervals after the last report with it. */
export function isFresh({ timeMs, intervalMs }: Gauge, now: number): boolean {
  return now <= timeMs + INTERVALS_FRESH * intervalMs;
}
