import type { Answer } from "./answer.ts";
import type { ResolverSpec } from "./resolver-spec.ts";

/** A resolver's event about one authority that it was asked for. */
export type ResolverEvent =
  | {
      readonly kind: "answer";
      readonly answer: Answer;
      /** The plugin instance that gave it. */
      readonly instance?: string;
      /** The resolver's data is not complete yet: the answer may add endpoints, but must not remove any. */
      readonly partial?: boolean;
      /** The resolver reports its own data as stale. */
      readonly stale?: boolean;
      /** Valid for its time to live; no stream is open meanwhile. */
      readonly cached?: boolean;
    }
  /** The resolver cannot answer; `hard`: waiting for its deadline is useless. */
  | { readonly kind: "broken"; readonly reason: string; readonly hard?: boolean }
  /** The resolver works on it; shown to people while it is pending. */
  | { readonly kind: "waiting"; readonly reason: string; readonly partial?: boolean };

/** The latest state of one query: one resolver, asked for one authority. Times are milliseconds. */
export interface QueryState {
  readonly askedAt: number;
  /** The latest answer, also while broken. */
  readonly given: Given | undefined;
  /** From the query to the first answer; undefined before. */
  readonly tookMs: number | undefined;
  /** Since when the resolver has been broken. */
  readonly broken: { readonly at: number; readonly reason: string; readonly hard: boolean } | undefined;
  readonly waiting: string;
  readonly partial: boolean;
}

interface Given {
  readonly answer: Answer;
  readonly at: number;
  readonly instance: string;
  readonly stale: boolean;
  readonly cached: boolean;
}

export function ask(now: number): QueryState {
  return { askedAt: now, given: undefined, tookMs: undefined, broken: undefined, waiting: "", partial: false };
}

/** The state after an event. A first break counts from `now`; further ones only change its reason. */
export function hear(state: QueryState, event: ResolverEvent, now: number): QueryState {
  switch (event.kind) {
    case "answer": {
      const { answer, instance = "", stale = false, cached = false, partial = false } = event;
      const given = { answer, at: now, instance, stale, cached };
      return { ...state, given, tookMs: state.tookMs ?? now - state.askedAt, broken: undefined, waiting: "", partial };
    }
    case "broken":
      return { ...state, broken: { at: state.broken?.at ?? now, reason: event.reason, hard: event.hard ?? false } };
    case "waiting":
      return { ...state, waiting: event.reason, partial: event.partial ?? state.partial };
  }
}

/** The answer that a state counts as at a given time. */
export interface EffectiveAnswer {
  /** Undefined: pending. */
  readonly answer: Answer | undefined;
  /** `failed` means that the resolver did not answer or broke, not that it answered "failed". */
  readonly fault: boolean;
  readonly stale: boolean;
  /** For people: the fault, or what is being waited for. */
  readonly detail: string;
  /** When time alone changes this; Infinity: never. */
  readonly until: number;
}

/**
 * - answered and sound: the answer
 * - answered and broken: the last answer, stale, until `staleFor` has passed since the break; then failed
 * - never answered: pending until the deadline, then failed; at once when waiting is useless
 */
export function effectiveAnswer(spec: ResolverSpec, state: QueryState, now: number): EffectiveAnswer {
  const { given, broken } = state;
  if (given && !broken) {
    return { answer: given.answer, fault: false, stale: given.stale, detail: "", until: Number.POSITIVE_INFINITY };
  }
  if (given && broken) {
    const until = broken.at + spec.staleForMs;
    if (now >= until) return fault(broken.reason);
    return { answer: given.answer, fault: false, stale: true, detail: broken.reason, until };
  }
  if (broken?.hard) return fault(broken.reason);
  const until = state.askedAt + spec.deadlineMs;
  const trouble = broken?.reason ?? state.waiting;
  if (now >= until) return fault(`no answer within ${seconds(spec.deadlineMs)}${trouble === "" ? "" : `: ${trouble}`}`);
  return { answer: undefined, fault: false, stale: false, detail: trouble, until };
}

function fault(reason: string): EffectiveAnswer {
  const until = Number.POSITIVE_INFINITY;
  return { answer: { kind: "failed", message: reason }, fault: true, stale: false, detail: reason, until };
}

/** "2 s", "0.25 s". */
export function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
