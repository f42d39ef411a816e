import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { DECISION_HOOKS, type DecisionHook } from "@patchbay/model";
import { type AnswerOf, type Decided, decisionHooks, type QuestionOf } from "../hooks/decision-hooks.ts";
import type { PluginHost } from "../host/host.ts";
import { LateAnswer } from "../host/run-decision.ts";
import { checkCall, type HookGuard } from "./hook-guard.ts";

/** What answers the calls, which calls are let through, and what reports on them. */
export interface DecisionRoutesOptions {
  readonly host: PluginHost;
  readonly guard: HookGuard;
  /** Why questions cannot be answered yet. */
  readonly notReady: () => string | undefined;
  readonly observer: DecisionObserver;
}

/** Told what happens, for logs, metrics and the line that `mesh-sdk dev` prints. */
export interface DecisionObserver {
  onRefused(why: string): void;
  /** A call began or ended. */
  onCall(change: 1 | -1): void;
  onDecision<Hook extends DecisionHook>(decided: Decided<Hook>): void;
  onNoDecision(failure: NoDecision): void;
}

/** A question without an answer. */
export interface NoDecision {
  readonly hook: DecisionHook;
  readonly why: string;
  /** It did not come in time; else the author's code is wrong. */
  readonly late: boolean;
  readonly tookMs: number;
}

/** Calls that the core's replicas may have open at a time, together. */
const MAX_OPEN = 10_000;

/** Serves the hooks that decide about requests from a plugin's host. A hook that the plugin has not is UNIMPLEMENTED. */
export function decisionRoutes(router: ConnectRouter, options: DecisionRoutesOptions): void {
  const decide = createDecide(options);
  for (const hook of DECISION_HOOKS) serveHook(hook, router, decide);
}

function serveHook<Hook extends DecisionHook>(hook: Hook, router: ConnectRouter, decide: Decide): void {
  decisionHooks[hook].serve(router, (read, context) => decide(hook, read, context));
}

type Decide = <Hook extends DecisionHook>(
  hook: Hook,
  read: () => QuestionOf<Hook>,
  context: HandlerContext,
) => Promise<AnswerOf<Hook>>;

function createDecide(options: DecisionRoutesOptions): Decide {
  const { host, guard, notReady, observer } = options;
  let open = 0;
  return async (hook, read, { requestHeader, signal }) => {
    checkCall(guard, observer, requestHeader);
    if (!host.manifest[hook]) throw new ConnectError(`this plugin has no hook "${hook}"`, Code.Unimplemented);
    const problem = notReady();
    if (problem !== undefined) throw new ConnectError(problem, Code.Unavailable);
    if (open >= MAX_OPEN) throw new ConnectError(`${MAX_OPEN} calls are open already`, Code.ResourceExhausted);
    open += 1;
    observer.onCall(1);
    try {
      return await ask(options, { hook, question: read(), signal });
    } finally {
      open -= 1;
      observer.onCall(-1);
    }
  };
}

interface Asked<Hook extends DecisionHook> {
  readonly hook: Hook;
  readonly question: QuestionOf<Hook>;
  readonly signal: AbortSignal;
}

async function ask<Hook extends DecisionHook>(
  { host, observer }: DecisionRoutesOptions,
  { hook, question, signal }: Asked<Hook>,
): Promise<AnswerOf<Hook>> {
  const began = performance.now();
  const took = () => performance.now() - began;
  try {
    const answer = await host.decide(hook, question, signal);
    observer.onDecision({ hook, question, answer, tookMs: took() });
    return answer;
  } catch (error) {
    const late = error instanceof LateAnswer || isDeadline(signal);
    const why =
      signal.aborted && late ? `${hook} has not answered in the time that the mesh gave it` : messageOf(error);
    // A call that was cancelled, or that the shutdown ended, is no failure of the plugin.
    if (late || !signal.aborted) observer.onNoDecision({ hook, why, late, tookMs: took() });
    throw signal.aborted
      ? ConnectError.from(signal.reason)
      : new ConnectError(why, late ? Code.DeadlineExceeded : Code.Internal);
  }
}

function isDeadline(signal: AbortSignal): boolean {
  return signal.aborted && ConnectError.from(signal.reason).code === Code.DeadlineExceeded;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
