/** Share of one processor that one tap may take of the proxy. */
const COST_SHARE = 0.05;
const WINDOW_MS = 1_000;

/** What was not shown in one second. */
export interface Withheld {
  /** Matched, and were more than the rate allows. */
  readonly overRate: number;
  /** Matched, and the reader had not taken what was there. */
  readonly unread: number;
  /** Not looked at, because looking had taken its share of the second. */
  readonly unexamined: number;
  /** The expression could not be evaluated. */
  readonly failed: number;
}

/** What one tap may send and cost in one second; `roll` begins the next. Time is in milliseconds. */
export class TapWindow {
  readonly #maxRps: number;
  readonly #budgetMs: number;
  #sent = 0;
  #spentMs = 0;
  #overRate = 0;
  #unread = 0;
  #unexamined = 0;
  #failed = 0;

  constructor(maxRps: number, share: number = COST_SHARE) {
    this.#maxRps = maxRps;
    this.#budgetMs = share * WINDOW_MS;
  }

  /** Whether another request may be looked at; if not, it is counted. */
  mayLook(): boolean {
    if (this.#spentMs < this.#budgetMs) return true;
    this.#unexamined += 1;
    return false;
  }

  /** Whether another request that matched may be sent; if not, it is counted. */
  maySend(): boolean {
    if (this.#sent < this.#maxRps) {
      this.#sent += 1;
      return true;
    }
    this.#overRate += 1;
    return false;
  }

  spend(ms: number): void {
    this.#spentMs += ms;
  }

  missRead(): void {
    this.#unread += 1;
  }

  missEvaluation(): void {
    this.#failed += 1;
  }

  /** Begins the next second and tells about the last; undefined: everything was shown. */
  roll(): Withheld | undefined {
    const withheld = {
      overRate: this.#overRate,
      unread: this.#unread,
      unexamined: this.#unexamined,
      failed: this.#failed,
    };
    this.#sent = this.#spentMs = this.#overRate = this.#unread = this.#unexamined = this.#failed = 0;
    return withheld.overRate + withheld.unread + withheld.unexamined + withheld.failed > 0 ? withheld : undefined;
  }
}
