import type { Peer } from "./guard.ts";
import type { HeaderList } from "./header-kinds.ts";
import type { RequestHead } from "./request-head.ts";
import type { ResponseHead } from "./response-head.ts";
import type { Failure } from "./retry-rules.ts";
import type { Direction, RequestRecord, TraceRef } from "./types.ts";

/** A request that has just begun. */
export interface BegunRequest {
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
export interface Witness {
  /** Undefined: this request is of no interest. Called for every request, so it has to know quickly. */
  begin(request: BegunRequest): Sight | undefined;
}

/** One request being looked at. */
export interface Sight {
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
