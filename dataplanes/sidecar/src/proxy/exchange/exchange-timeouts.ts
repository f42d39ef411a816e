import type { Deadlines, Timed } from "../../core/routing/deadlines.ts";

/** What an exchange may run out of patience with. */
export type TimeoutKind = "body" | "response" | "stall";

/** The up to three deadlines of one exchange. Costs nothing while none is set. */
export class ExchangeTimeouts implements Timed {
  deadline = Number.POSITIVE_INFINITY;
  readonly #deadlines: Deadlines;
  readonly #overdue: (what: TimeoutKind) => void;
  readonly #at: Record<TimeoutKind, number> = { body: NEVER, response: NEVER, stall: NEVER };
  #watched = false;

  constructor(deadlines: Deadlines, overdue: (what: TimeoutKind) => void) {
    this.#deadlines = deadlines;
    this.#overdue = overdue;
  }

  /** `ms` 0: no limit. */
  expect(what: TimeoutKind, ms: number): void {
    if (ms === 0) return;
    this.#at[what] = performance.now() + ms;
    this.#arm();
  }

  met(what: TimeoutKind): void {
    if (this.#at[what] === NEVER) return;
    this.#at[what] = NEVER;
    this.#arm();
  }

  stop(): void {
    if (this.#watched) this.#deadlines.forget(this);
    this.#watched = false;
  }

  expire(now: number): void {
    for (const what of WHAT) {
      if (now < this.#at[what]) continue;
      this.met(what);
      this.#overdue(what);
    }
  }

  #arm(): void {
    this.deadline = Math.min(this.#at.body, this.#at.response, this.#at.stall);
    if (this.deadline === NEVER) this.stop();
    else if (!this.#watched) {
      this.#watched = true;
      this.#deadlines.watch(this);
    }
  }
}

const NEVER = Number.POSITIVE_INFINITY;
const WHAT: readonly TimeoutKind[] = ["body", "response", "stall"];
