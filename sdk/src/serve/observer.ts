import type { DecisionHook } from "@patchbay/model";
import type { Decided } from "../hooks/decision-hooks.ts";
import type { HostAnswer } from "../model/answer-message.ts";
import type { EventName } from "../model/events.ts";

/** Told what happens to a served plugin: the lines that its author reads. */
export interface ServeObserver {
  /** Looking for the registry, with why it is not there. Once per reason. */
  onWaiting(why: string): void;
  /** The registry accepted the plugin. Again after each reconnect. */
  onAccepted(info: { readonly registry: string; readonly grant: string }): void;
  /** The registry's view of the plugin, such as "ready" or "degraded", and why. */
  onState(state: string, why: string): void;
  onRefused(why: string): void;
  onLost(why: string): void;
  /** What the plugin says of itself: undefined when it is well. */
  onProblem(why: string | undefined): void;
  onAnswer(authority: string, answer: HostAnswer): void;
  onMistake(authority: string, why: string): void;
  onDecision<Hook extends DecisionHook>(decided: Decided<Hook>): void;
  /** The author's function threw, answered too late, or gave no decision. */
  onNoDecision(hook: DecisionHook, why: string): void;
  onEvent(name: EventName, outcome: "handled" | "failed" | "dead", tookMs: number): void;
}
