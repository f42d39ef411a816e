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
  /** The resolver that decided; empty when none did. */
  readonly resolver: string;
  /** For people, when there are no endpoints. Contains no times, so that equal outcomes have equal texts. */
  readonly reason: string;
  readonly stale: boolean;
}

export type Effect = "stop" | "next" | "restart" | "unused" | "wait";

/** One resolver's answer for one authority, and its effect in the chain. Times are milliseconds. */
export interface Step {
  readonly authority: string;
  readonly depth: number;
  readonly resolver: string;
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

/** Result and explanation of resolving one authority; one evaluation makes both. */
export interface Evaluation {
  readonly branches: readonly Branch[];
  /** A resolver that is needed has neither answered nor passed its deadline. */
  readonly pending: boolean;
  /** The data of a resolver that counted is not complete yet. */
  readonly partial: boolean;
  readonly steps: readonly Step[];
  /** Some resolver's answer depends on the client context. */
  readonly usesContext: boolean;
  /** When time alone may change this; Infinity: never. */
  readonly until: number;
}
