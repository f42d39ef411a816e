import type { Decision, Lease } from "../public/decision.ts";
import type { AuthorizeRequest, RatelimitRequest } from "../public/plugin.ts";

/** The hooks that decide about requests: what is asked, and what is answered. */
export interface DecisionOf {
  readonly authorize: { readonly question: AuthorizeRequest; readonly answer: Decision };
  readonly ratelimit: { readonly question: RatelimitRequest; readonly answer: Lease };
}

/** Names of hooks that decide about requests. */
export type DecisionHook = keyof DecisionOf;

/** What a hook is asked. */
export type QuestionOf<Hook extends DecisionHook> = DecisionOf[Hook]["question"];

/** What a hook answers. */
export type AnswerOf<Hook extends DecisionHook> = DecisionOf[Hook]["answer"];

/** The same as a list, for looking names up. */
export const decisionHooks: readonly DecisionHook[] = ["authorize", "ratelimit"];

/** A decision that was made. */
export interface Decided<Hook extends DecisionHook> {
  readonly hook: Hook;
  readonly question: QuestionOf<Hook>;
  readonly answer: AnswerOf<Hook>;
  readonly tookMs: number;
}
