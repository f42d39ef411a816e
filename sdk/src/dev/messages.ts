import type { DecisionHook } from "@patchbay/model";
import type { AnswerOf, QuestionOf } from "../hooks/decision-hooks.ts";
import type { HandlerResult, Question, RawEvent } from "../host/host.ts";
import type { HostAnswer } from "../model/answer-message.ts";
import type { PluginManifest } from "../model/manifest.ts";

/** From `mesh-sdk dev` to the child that runs the author's file. Numbers name one question or delivery. */
export type ToChild =
  | { readonly type: "configure"; readonly id: number; readonly config: unknown }
  | { readonly type: "resolve"; readonly id: number; readonly question: Question }
  | AskDecision
  | { readonly type: "deliver"; readonly id: number; readonly event: RawEvent }
  /** Cancels a question or delivery. */
  | { readonly type: "leave"; readonly id: number };

/** A question for one of the hooks that decide. */
export type AskDecision = {
  readonly [Hook in DecisionHook]: {
    readonly type: "decide";
    readonly id: number;
    readonly hook: Hook;
    readonly question: QuestionOf<Hook>;
  };
}[DecisionHook];

/** What a decision came to. */
export type DecisionResult<Hook extends DecisionHook = DecisionHook> =
  | { readonly answer: AnswerOf<Hook> }
  | { readonly problem: string; readonly late: boolean };

/** From the child. */
export type FromChild =
  /** The author's file is a plugin. */
  | { readonly type: "loaded"; readonly manifest: PluginManifest }
  /** It is not, and why: one line with the place. */
  | { readonly type: "broken"; readonly message: string }
  | { readonly type: "configured"; readonly id: number; readonly problem?: string }
  | { readonly type: "answer"; readonly id: number; readonly answer: HostAnswer }
  /** The resolver's stream ended; with why when it broke. */
  | { readonly type: "ended"; readonly id: number; readonly problem?: string }
  | { readonly type: "decided"; readonly id: number; readonly result: DecisionResult }
  | { readonly type: "result"; readonly id: number; readonly result: HandlerResult };
