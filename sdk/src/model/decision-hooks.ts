import type { DecisionHook } from "@patchbay/model";
import type { Decision, Lease } from "../public/decision.ts";
import type { AuthorizeRequest, RatelimitRequest } from "../public/plugin.ts";

/** The hooks that decide about requests: what is asked, and what is answered. */
export interface DecisionOf {
  readonly authorize: { readonly question: AuthorizeRequest; readonly answer: Decision };
  readonly ratelimit: { readonly question: RatelimitRequest; readonly answer: Lease };
}

/** What a hook is asked. */
export type QuestionOf<Hook extends DecisionHook> = DecisionOf[Hook]["question"];

/** What a hook answers. */
export type AnswerOf<Hook extends DecisionHook> = DecisionOf[Hook]["answer"];

/** A decision that was made. */
export interface Decided<Hook extends DecisionHook> {
  readonly hook: Hook;
  readonly question: QuestionOf<Hook>;
  readonly answer: AnswerOf<Hook>;
  readonly tookMs: number;
}
