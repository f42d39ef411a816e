import { placeOfFunction } from "../errors/function-place.ts";
import { describeThrown, PluginMistake, show } from "../errors/mistake.ts";
import type { AnswerSource } from "../model/answer-check.ts";
import { aborted, followAbort } from "./until-aborted.ts";

/** One question put to an author's function. */
export interface DecisionRun<Answer> {
  /** Calls the author's function. */
  readonly call: (signal: AbortSignal) => unknown;
  /** The author's function, for the place of mistakes. */
  readonly handler: object;
  /** Name of the hook, for messages. */
  readonly doing: string;
  readonly deadlineMs: number;
  /** Aborts when the caller has given up. */
  readonly signal: AbortSignal;
  /** Brings what the function returned into its normal form, or throws a PluginMistake. */
  readonly check: (value: unknown, source: AnswerSource) => Answer;
}

/**
 * Calls an author's function once, for at most the deadline. Rejects with a PluginMistake when it throws, is late or returns no
 * answer, and with the signal's reason when the caller has given up; a later result is dropped.
 */
export async function runDecision<Answer>(run: DecisionRun<Answer>): Promise<Answer> {
  const { call, check, doing, handler, deadlineMs, signal } = run;
  signal.throwIfAborted();
  const over = new AbortController();
  const leave = () => over.abort(signal.reason);
  const timer = setTimeout(() => over.abort(lateness(run)), deadlineMs);
  signal.addEventListener("abort", leave, { once: true });
  const end = followAbort(over.signal);
  try {
    const value = await end.race(Promise.resolve(call(over.signal)));
    if (value === aborted) throw over.signal.reason;
    refuseGenerator(run, value);
    return check(value, { doing, place: () => placeOfFunction(handler) });
  } catch (thrown) {
    if (over.signal.aborted) throw over.signal.reason;
    throw describeThrown(doing, thrown, placeOfFunction(handler));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", leave);
    end.cleanup();
  }
}

/** The deadline passed. Distinct from other mistakes, since the code may be right and a service behind it slow. */
export class LateAnswer extends PluginMistake {}

function lateness({ doing, deadlineMs }: DecisionRun<unknown>): LateAnswer {
  const hint = `The policy's failure policy decides then; options.${doing}.deadline may be up to 5 s`;
  return new LateAnswer(`${doing} has not answered within ${deadlineMs / 1_000} s`, { hint });
}

function refuseGenerator({ doing, handler }: DecisionRun<unknown>, value: unknown): void {
  if (typeof value !== "object" || value === null || !("next" in value)) return;
  throw new PluginMistake(`${doing} returned ${show(value)}, a generator`, {
    hint: `Write it without the \`*\`, as \`async ${doing}(...)\`, and return the answer`,
    place: placeOfFunction(handler),
  });
}
