import type { HeaderList } from "@patchbay/model";
import type { RequestHead } from "../../core/http/request-head.ts";
import type { ResponseHead } from "../../core/http/response-head.ts";
import type { Failure } from "../../core/routing/retry-rules.ts";
import type { Observation, ObservedRequest, RequestObserver } from "../../core/tap/request-observer.ts";
import type { RequestRecord, TraceRef } from "../../core/types.ts";

/** All observations of one request, as one. */
export class Observations {
  readonly #sights: readonly Observation[];

  constructor(sights: readonly Observation[]) {
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

/** Undefined, and without an allocation, when no observer is interested: the usual case. */
export function observeRequest(
  witnesses: readonly RequestObserver[],
  request: ObservedRequest,
): Observations | undefined {
  let sights: Observation[] | undefined;
  for (const witness of witnesses) {
    const sight = witness.begin(request);
    if (sight === undefined) continue;
    sights ??= [];
    sights.push(sight);
  }
  return sights === undefined ? undefined : new Observations(sights);
}

/** The head with the fields that a witness wants passed on. */
export function headFor(head: RequestHead, sights: Observations | undefined): RequestHead {
  const headers = sights?.headers;
  return headers === undefined ? head : { ...head, headers };
}
