import type { Endpoint } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import type { Answer } from "./answer.ts";

export type Outcome = "endpoints" | "empty" | "absent" | "failed" | "pending";

/** One share of an authority's requests, and what serves it. */
export interface Branch {
  readonly weight: number;
  /** Where rewrites and splits led; else the authority itself. */
  readonly authority: string;
  readonly outcome: Outcome;
  readonly endpoints: readonly Endpoint[];
  /** The link that decided; empty when none did. */
  readonly link: string;
  /** For people, unless there are endpoints. Free of times, so that equal outcomes are equal texts. */
  readonly reason: string;
  readonly stale: boolean;
}

export type Effect = "stop" | "next" | "restart" | "unused" | "wait";

/** What one link said for one authority and what the chain did with it. Times are milliseconds. */
export interface Step {
  readonly authority: string;
  readonly depth: number;
  readonly link: string;
  readonly instance: string;
  readonly answer: Answer["kind"] | "pending" | "not asked";
  readonly endpoints: number;
  /** Since when this has been so. */
  readonly since: number | undefined;
  readonly tookMs: number | undefined;
  readonly stale: boolean;
  readonly cached: boolean;
  readonly detail: string;
  readonly effect: Effect;
  readonly why: string;
}

/** Result and explanation of putting one authority to the chain: one evaluation makes both. */
export interface Evaluation {
  readonly branches: readonly Branch[];
  /** A link that is needed has neither answered nor passed its deadline. */
  readonly pending: boolean;
  /** A link that was heard does not have its whole picture yet. */
  readonly partial: boolean;
  readonly steps: readonly Step[];
  /** Some link's answer depends on who asks. */
  readonly usesContext: boolean;
  /** When time alone may change this; Infinity: never. */
  readonly until: number;
}
