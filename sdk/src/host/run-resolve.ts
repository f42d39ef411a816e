import { isDeepStrictEqual } from "node:util";
import { pause } from "@patchbay/model";
import { placeOfFunction } from "../errors/function-place.ts";
import { describeThrown, PluginMistake, show } from "../errors/mistake.ts";
import { checkAnswer } from "../model/answer-check.ts";
import type { HostAnswer } from "../model/answer-message.ts";
import { isPermanent, isRetry } from "../model/errors.ts";
import { type AbortPromise, aborted, followAbort } from "./until-aborted.ts";

/** One authority put to one resolver. */
export interface ResolveRun {
  /** Calls the author's resolver anew. */
  readonly start: () => unknown;
  /** The author's function, for the place of mistakes. */
  readonly resolver: object;
  /** What is being asked, such as `resolve("users")`, for messages. */
  readonly doing: string;
  readonly signal: AbortSignal;
  /** An error after the stream was cancelled, such as in the author's `finally`. */
  readonly onLate: (mistake: PluginMistake) => void;
}

/**
 * Runs an author's generator for one authority until the signal aborts: checks every answer, drops repeated ones, keeps the
 * stream open after the generator has returned. `retry(after)` starts the generator again with the last answer in force;
 * `permanent("why")` becomes a failed answer; every other throw breaks the stream.
 */
export async function* runResolve(run: ResolveRun): AsyncGenerator<HostAnswer> {
  const abort = followAbort(run.signal);
  try {
    let last: HostAnswer | undefined;
    for (;;) {
      const outcome = yield* runOnce(run, abort, last);
      if (outcome.next === "hold") await abort.done;
      if (outcome.next !== "again") return;
      last = outcome.last;
      await pause(outcome.afterMs, run.signal);
      if (run.signal.aborted) return;
    }
  } finally {
    abort.cleanup();
  }
}

type Outcome =
  | { readonly next: "hold" | "end" }
  | { readonly next: "again"; readonly afterMs: number; readonly last: HostAnswer | undefined };

/** One life of the generator, and what is to happen after it. */
async function* runOnce(
  run: ResolveRun,
  abort: AbortPromise,
  before: HostAnswer | undefined,
): AsyncGenerator<HostAnswer, Outcome> {
  let last = before;
  let iterator: AnyIterator | undefined;
  let finished = false;
  try {
    iterator = iterate(run);
    let yielded = false;
    for (;;) {
      const step = await abort.race(nextOf(iterator));
      if (step === aborted) return { next: "end" };
      finished = step.done === true;
      if (step.done) return afterReturn(run, { yielded, value: step.value, last });
      yielded = true;
      const answer = checkYielded(run, iterator, step.value);
      if (!isDeepStrictEqual(answer, last)) yield answer;
      last = answer;
    }
  } catch (thrown) {
    finished = true;
    if (run.signal.aborted) return { next: "end" };
    if (isRetry(thrown)) return { next: "again", afterMs: thrown.afterMs, last };
    if (!isPermanent(thrown)) throw describeThrown(run.doing, thrown, placeOfFunction(run.resolver));
    yield { kind: "failed", message: thrown.message };
    return { next: "hold" };
  } finally {
    if (iterator && !finished) leave(run, iterator);
  }
}

interface AnyIterator {
  next(): unknown;
  return?(): unknown;
}

function iterate(run: ResolveRun): AnyIterator {
  const made = run.start();
  const iterator = openIterator(made);
  if (iterator) return iterator;
  if (made instanceof Promise) made.catch(() => undefined);
  const hint = "Write `async *resolve(...)` and `yield` the answer";
  throw new PluginMistake(`${run.doing} returned ${show(made)} instead of a generator`, {
    hint,
    place: placeOfFunction(run.resolver),
  });
}

function openIterator(made: unknown): AnyIterator | undefined {
  if (typeof made !== "object" || made === null) return undefined;
  const open: unknown = Reflect.get(made, Symbol.asyncIterator) ?? Reflect.get(made, Symbol.iterator);
  const iterator: unknown = typeof open === "function" ? Reflect.apply(open, made, []) : undefined;
  return isIterator(iterator) ? iterator : undefined;
}

function isIterator(value: unknown): value is AnyIterator {
  return typeof value === "object" && value !== null && "next" in value && typeof value.next === "function";
}

/** One step of either kind of iterator; a promise that a plain generator yields is awaited, as an async one would. */
async function nextOf(iterator: AnyIterator): Promise<{ done: boolean; value: unknown }> {
  const step: unknown = await iterator.next();
  if (typeof step !== "object" || step === null) return { done: true, value: undefined };
  const value: unknown = "value" in step ? await step.value : undefined;
  return { done: "done" in step && step.done === true, value };
}

function checkYielded(run: ResolveRun, iterator: AnyIterator, value: unknown): HostAnswer {
  return checkAnswer(value, {
    doing: run.doing,
    place: () => placeOfFunction(iterator) ?? placeOfFunction(run.resolver),
  });
}

function afterReturn(
  run: ResolveRun,
  end: { yielded: boolean; value: unknown; last: HostAnswer | undefined },
): Outcome {
  if (end.yielded) return { next: end.last?.kind === "absent" && end.last.ttlMs !== undefined ? "end" : "hold" };
  const place = placeOfFunction(run.resolver);
  if (end.value === undefined) {
    throw new PluginMistake(`${run.doing} ended without an answer`, {
      hint: "Yield absent() when the authority is not yours",
      place,
    });
  }
  throw new PluginMistake(`${run.doing} returned ${show(end.value)}`, {
    hint: "`yield` the answer instead of returning it",
    place,
  });
}

/** Cancels the generator without waiting for it: it may be in the middle of something slow. */
function leave(run: ResolveRun, iterator: AnyIterator): void {
  const left = async () => iterator.return?.();
  left().catch((thrown: unknown) => {
    if (!isAbortError(thrown)) run.onLate(describeThrown(`${run.doing}, when it was ended,`, thrown));
  });
}

function isAbortError(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "AbortError";
}
