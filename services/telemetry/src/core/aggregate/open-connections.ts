/**
 * Open connections by the proxy that reported them, so that those of a proxy that died without closing them can be
 * taken back.
 */
export class OpenConnections {
  readonly #byBoot = new Map<string, Map<number, number>>();

  /** Counts a change of one boot id's open connections in a series. */
  add(boot: string, series: number, delta: number): void {
    const counts = this.#byBoot.get(boot) ?? new Map<number, number>();
    this.#byBoot.set(boot, counts);
    const open = (counts.get(series) ?? 0) + delta;
    if (open === 0) counts.delete(series);
    else counts.set(series, open);
    if (counts.size === 0) this.#byBoot.delete(boot);
  }

  /** Boot ids that have open connections. */
  boots(): Iterable<string> {
    return this.#byBoot.keys();
  }

  /** Forgets a boot id; calls back with what it had open in each series. */
  leave(boot: string, onOpen: (series: number, open: number) => void): void {
    const counts = this.#byBoot.get(boot);
    this.#byBoot.delete(boot);
    for (const [series, open] of counts ?? []) onOpen(series, open);
  }
}
