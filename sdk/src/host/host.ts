import type { DecisionHook } from "@patchbay/model";
import type { AnswerOf, QuestionOf } from "../hooks/decision-hooks.ts";
import type { HostAnswer } from "../model/answer-message.ts";
import type { EventName } from "../model/events.ts";
import type { PluginManifest } from "../model/manifest.ts";
import type { Authority, ClientContext } from "../public/authority.ts";

/** What is asked of a resolver. */
export interface Question {
  readonly authority: Authority;
  /** Only when the resolver uses it. */
  readonly client: ClientContext | undefined;
}

/** An event before it is decoded, in plain values. */
export interface RawEvent {
  readonly name: EventName;
  readonly id: string;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly data: Uint8Array;
  /** 1 for the first delivery. */
  readonly attempt: number;
  readonly pending: number;
}

/** How a handler ended. */
export type HandlerResult =
  | { readonly status: "done" }
  /** It threw or ran out of time: try again with backoff. */
  | { readonly status: "failed"; readonly reason: string }
  /** It said when to try again. */
  | { readonly status: "retry"; readonly afterMs: number; readonly reason: string }
  /** Trying again will not help. */
  | { readonly status: "permanent"; readonly reason: string };

/**
 * Runs an author's plugin: in this process, or (`mesh-sdk dev`) in a child process that is
 * replaced at each reload. The code that serves the plugin cannot tell which.
 */
export interface PluginHost {
  readonly manifest: PluginManifest;
  /** Checks configuration and gives it to handlers from now on. Throws a ConfigError; handlers then keep the last one. */
  configure(config: unknown): Promise<void>;
  /**
   * Every answer until `signal` aborts. Throws a PluginMistake, with the place in the author's file, when the resolver
   * throws or yields no answer.
   */
  resolve(question: Question, signal: AbortSignal): AsyncIterable<HostAnswer>;
  /**
   * One decision, within the hook's deadline. Rejects with a PluginMistake when the author's function throws, is late or returns no
   * decision, and when `signal` aborts.
   */
  decide<Hook extends DecisionHook>(
    hook: Hook,
    question: QuestionOf<Hook>,
    signal: AbortSignal,
  ): Promise<AnswerOf<Hook>>;
  /** Runs the event's handler once; no promise when it has ended already. Neither throws nor rejects. */
  deliver(event: RawEvent, signal: AbortSignal): HandlerResult | Promise<HandlerResult>;
}
