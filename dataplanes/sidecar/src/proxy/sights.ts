import type { HeaderList } from "../core/header-kinds.ts";
import type { RequestHead } from "../core/request-head.ts";
import type { ResponseHead } from "../core/response-head.ts";
import type { Failure } from "../core/retry-rules.ts";
import type { RequestRecord, TraceRef } from "../core/types.ts";
import type { BegunRequest, Sight, Witness } from "../core/witness.ts";

/** Everybody who looks at one request, as one. */
export class Sights {
  readonly #sights: readonly Sight[];

  constructor(sights: readonly Sight[]) {
    this.#sights = sights;
  }

  /** Fields to pass on in place of the request's own. */
  get headers(): HeaderList | undefined {
    return this.#sights.find((sight) => sight.headers !== undefined)?.headers;
  }

  get trace(): TraceRef | undefined {
    return this.#sights.find((sight) => sight.trace !== undefined)?.trace;
  }

  retried(failure: Failure): void {
    for (const sight of this.#sights) sight.retried?.(failure);
  }

  answered(head: ResponseHead): void {
    for (const sight of this.#sights) sight.answered?.(head);
  }

  ended(record: RequestRecord): void {
    for (const sight of this.#sights) sight.ended(record);
  }
}

/** Undefined, and without an allocation, when nobody is interested: the usual case. */
export function lookAt(witnesses: readonly Witness[], request: BegunRequest): Sights | undefined {
  let sights: Sight[] | undefined;
  for (const witness of witnesses) {
    const sight = witness.begin(request);
    if (sight === undefined) continue;
    sights ??= [];
    sights.push(sight);
  }
  return sights === undefined ? undefined : new Sights(sights);
}

/** The head with the fields that a witness wants passed on. */
export function headFor(head: RequestHead, sights: Sights | undefined): RequestHead {
  const headers = sights?.headers;
  return headers === undefined ? head : { ...head, headers };
}
