/**
 * Which stored reports are this replica's to count. Each stored report names the replica that took it. A replica
 * counts what it took itself and, at its start, adopts what was taken by replicas that are no more; never what
 * another living one counts. Without that, answers that are merged from several replicas would count reports twice.
 */
export class ReportOwnership {
  readonly #own: Set<string>;
  readonly #others = new Set<string>();
  #adopting = true;

  constructor(replica: string) {
    this.#own = new Set([replica]);
  }

  /** What this replica counts: itself and those that it adopted. */
  own(): readonly string[] {
    return [...this.#own];
  }

  /** Whether nobody else is known to count anything. */
  alone(): boolean {
    return this.#others.size === 0;
  }

  has(replica: string): boolean {
    return this.#own.has(replica);
  }

  /** Another living replica counts what these took. */
  leaveTo(replicas: Iterable<string>): void {
    for (const replica of replicas) if (!this.#own.has(replica)) this.#others.add(replica);
  }

  /** Ends the time of adoption: whoever appears from now on is new and counts for itself. */
  settle(): void {
    this.#adopting = false;
  }

  /** Whether a report that `replica` took is counted here. */
  claim(replica: string): boolean {
    if (this.#own.has(replica)) return true;
    if (!this.#adopting || this.#others.has(replica)) return false;
    this.#own.add(replica);
    return true;
  }
}
