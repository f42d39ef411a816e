/** State of a target as one proxy saw it at a moment. */
export interface Gauge {
  /** End of the window that it was reported for, by the proxy's clock, in ms. */
  readonly timeMs: number;
  /** When the report came, by our clock, in ms. */
  readonly arrivedMs: number;
  /** Length of that window, in ms: how often the proxy reports. */
  readonly intervalMs: number;
  readonly endpoints: number;
  readonly ejected: number;
  readonly outstanding: number;
  readonly retryBudget: number;
}

const INTERVALS_FRESH = 3;
const MAX_GAUGES = 100_000;
/** Boot ids are a proxy's own choice: one service must not take the room of the others. */
const MAX_GAUGES_PER_OWNER = 20_000;

interface OfBoot {
  readonly owner: number;
  readonly gauges: Map<number, Gauge>;
}

export interface GaugePlace {
  /** The proxy's boot identity, which belongs to one service. */
  readonly boot: string;
  /** Label id of that service. */
  readonly owner: number;
  /** Of the target, and the caller's own. */
  readonly id: number;
}

/** The newest gauges of each proxy and target. */
export class Gauges {
  readonly #byBoot = new Map<string, OfBoot>();
  readonly #ofOwner = new Map<number, number>();
  #size = 0;

  /** Keeps a gauge unless a newer one is known. Of a service or mesh with too many, new ones are left out. */
  set({ boot, owner, id }: GaugePlace, gauge: Gauge): void {
    const known = this.#byBoot.get(boot)?.gauges.get(id);
    if (known ? known.timeMs > gauge.timeMs : !this.#hasRoom(owner)) return;
    const ofBoot = this.#byBoot.get(boot) ?? { owner, gauges: new Map<number, Gauge>() };
    this.#byBoot.set(boot, ofBoot);
    if (!known) this.#count(owner, 1);
    // A report that is cut short, such as the last one, does not make the proxy report more often.
    ofBoot.gauges.set(id, { ...gauge, intervalMs: Math.max(gauge.intervalMs, known?.intervalMs ?? 0) });
  }

  visit(onGauge: (id: number, gauge: Gauge) => void): void {
    for (const { gauges } of this.#byBoot.values()) for (const [id, gauge] of gauges) onGauge(id, gauge);
  }

  /** Forgets what came before `before`, in ms. */
  forget(before: number): void {
    for (const [boot, { owner, gauges }] of this.#byBoot) {
      for (const [id, { arrivedMs }] of gauges) if (arrivedMs < before && gauges.delete(id)) this.#count(owner, -1);
      if (gauges.size === 0) this.#byBoot.delete(boot);
    }
  }

  #hasRoom(owner: number): boolean {
    return this.#size < MAX_GAUGES && (this.#ofOwner.get(owner) ?? 0) < MAX_GAUGES_PER_OWNER;
  }

  #count(owner: number, change: number): void {
    this.#size += change;
    const count = (this.#ofOwner.get(owner) ?? 0) + change;
    if (count > 0) this.#ofOwner.set(owner, count);
    else this.#ofOwner.delete(owner);
  }
}

/** Whether a gauge still tells the state: it is forgotten three report intervals after the last report with it. */
export function isFresh({ arrivedMs, intervalMs }: Gauge, now: number): boolean {
  return now <= arrivedMs + INTERVALS_FRESH * intervalMs;
}
