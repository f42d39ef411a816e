import type { HeaderList } from "@patchbay/model";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { Peer } from "../policy/guard.ts";
import type { Failure } from "../routing/retry-rules.ts";
import type { Direction, RequestRecord, TraceRef } from "../types.ts";

/** A request that has just begun. */
export interface ObservedRequest {
  readonly direction: Direction;
  readonly head: RequestHead;
  /** Where it leads: what the head says, unless the connection leads elsewhere (a tunnel, a local port). */
  readonly authority: string;
  readonly version: 1 | 2;
  readonly peer: Peer;
  /** On `performance.now()`'s clock. */
  readonly startedAt: number;
}

/** Looks at single requests, beside the record that each leaves: taps and traces. */
export interface RequestObserver {
  /** Undefined: this request is of no interest. Called for every request, so it has to know quickly. */
  begin(request: ObservedRequest): Observation | undefined;
}

/** One request being looked at. */
export interface Observation {
  /** Fields to pass on in place of the request's own. */
  readonly headers?: HeaderList;
  /** The request's place in a trace. */
  readonly trace?: TraceRef;
  /** An attempt failed and another follows. */
  retried?(failure: Failure): void;
  answered?(head: ResponseHead): void;
  /** The last call. */
  ended(record: RequestRecord): void;
}
