import { withDeadline } from "@patchbay/wire/deadline";
import { placeOfFunction } from "../mistakes/function-place.ts";
import { describeThrown, PluginMistake } from "../mistakes/mistake.ts";
import { isPermanent, isRetry } from "../model/errors.ts";
import type { HandlerResult } from "./host.ts";
import { aborted, followAbort } from "./until-aborted.ts";

/** One event put to one handler. */
export interface HandlerRun {
  /** Calls the author's handler. */
  readonly start: (signal: AbortSignal) => unknown;
  readonly handler: object;
  /** Such as `on.report`, for messages. */
  readonly doing: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Runs an author's event handler once, to its end, its timeout or the signal. Never rejects. */
export async function runHandler(run: HandlerRun): Promise<HandlerResult> {
  const deadline = withDeadline(run.signal, run.timeoutMs);
  const abort = followAbort(deadline.signal);
  try {
    const result = await abort.race(call(run, deadline.signal));
    if (result !== aborted) return { status: "done" };
    const reason = deadline.expired()
      ? `${run.doing} did not finish within ${run.timeoutMs / 1_000} s`
      : `${run.doing} was stopped before it had finished`;
    return { status: "failed", reason };
  } catch (thrown) {
    return toResult(run, thrown);
  } finally {
    abort.cleanup();
    deadline.cleanup();
  }
}

async function call(run: HandlerRun, signal: AbortSignal): Promise<void> {
  const returned = await run.start(signal);
  if (!isGenerator(returned)) return;
  const hint = "Write it without the `*`: a generator does nothing until somebody asks for its values";
  throw new PluginMistake(`${run.doing} is a generator`, { hint, place: placeOfFunction(run.handler) });
}

function toResult(run: HandlerRun, thrown: unknown): HandlerResult {
  if (isPermanent(thrown)) return { status: "permanent", reason: thrown.message };
  if (isRetry(thrown)) return { status: "retry", afterMs: thrown.afterMs, reason: thrown.message };
  return { status: "failed", reason: describeThrown(run.doing, thrown, placeOfFunction(run.handler)).message };
}

function isGenerator(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("next" in value)) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}
