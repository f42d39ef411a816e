import type { DecisionObserver } from "../server/decision-routes.ts";
import type { PluginMetrics } from "../server/metrics.ts";
import type { ResolverObserver } from "../server/resolver-routes.ts";
import type { ServeObserver } from "./observer.ts";

/** Counts what happens at the hooks, and passes on what people want to know. */
export interface HookObserver extends ResolverObserver, DecisionObserver {
  /** Calls that are open. */
  open(): number;
}

/** Where calls are counted and reported, and how long the mesh waits for a first answer. */
export interface HookObserverOptions {
  readonly metrics: PluginMetrics;
  readonly observer: ServeObserver;
  readonly deadlineMs: () => number;
}

/** Begins with nothing open. */
export function createHookObserver({ metrics, observer, deadlineMs }: HookObserverOptions): HookObserver {
  let open = 0;
  return {
    open: () => open,
    onRefused: () => metrics.refused(),
    onOpen() {
      open += 1;
      metrics.opened(1);
    },
    onClose() {
      open -= 1;
      metrics.opened(-1);
    },
    onAnswer(authority, answer) {
      metrics.answered(answer.kind);
      observer.onAnswer(authority, answer);
    },
    onSlow(authority, tookMs) {
      const took = `took ${(tookMs / 1_000).toFixed(1)} s to its first answer; the mesh waits ${deadlineMs() / 1_000} s`;
      observer.onMistake(authority, `resolve("${authority}") ${took} (options.resolve.deadline)`);
    },
    onMistake(authority, why) {
      metrics.mistaken();
      observer.onMistake(authority, why);
    },
    onCall: (change) => (open += change),
    onDecision(decided) {
      metrics.decided(decided.hook, decided.answer.kind, decided.tookMs);
      observer.onDecision(decided);
    },
    onNoDecision({ hook, why, late, tookMs }) {
      metrics.decided(hook, late ? "late" : "failed", tookMs);
      observer.onNoDecision(hook, why);
    },
  };
}
