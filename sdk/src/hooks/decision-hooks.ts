import type { DecisionHook } from "@patchbay/model";
import { authorize } from "./authorize.ts";
import type { DecisionSpec } from "./decision-spec.ts";
import { ratelimit } from "./ratelimit.ts";

/** Every hook that decides about requests, each from the file of its name. */
const hooks = { authorize, ratelimit } satisfies { readonly [Hook in DecisionHook]: unknown };

/** What a hook is asked. */
export type QuestionOf<Hook extends DecisionHook> = Parameters<(typeof hooks)[Hook]["describe"]>[0];

/** What a hook answers. */
export type AnswerOf<Hook extends DecisionHook> = Parameters<(typeof hooks)[Hook]["describe"]>[1];

/** The part of a question that a test cares about. */
export type GivenOf<Hook extends DecisionHook> = Parameters<(typeof hooks)[Hook]["fill"]>[0];

/** The same hooks, for code that is about any of them. */
export const decisionHooks: {
  readonly [Hook in DecisionHook]: DecisionSpec<QuestionOf<Hook>, AnswerOf<Hook>, GivenOf<Hook>>;
} = hooks;

/** A decision that was made. */
export interface Decided<Hook extends DecisionHook> {
  readonly hook: Hook;
  readonly question: QuestionOf<Hook>;
  readonly answer: AnswerOf<Hook>;
  readonly tookMs: number;
}

/** A decision in one line: `authorize web -> users GET /cart: deny 403 "closed at night", for 30 s by path`. */
export function describeDecision<Hook extends DecisionHook>({ hook, question, answer }: Decided<Hook>): string {
  return `${hook} ${decisionHooks[hook].describe(question, answer)}`;
}
