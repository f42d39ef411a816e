import type { DescMethod } from "@bufbuild/protobuf";
import type { HookName } from "@patchbay/model";
import type { AppContext, Settings } from "@patchbay/runtime";
import { type CallUnary, createCallUnary } from "./call/call-unary.ts";
import { createFailoverStream, type FailoverStream, type FailoverStreamOptions } from "./call/failover-stream.ts";
import { createCallMetrics } from "./call/metrics.ts";
import { type PluginDirectory, watchPlugins } from "./directory/plugin-directory.ts";

/** How a core service calls the hooks of plugins. */
export interface PluginCalls {
  /** Which plugins there are. */
  readonly directory: PluginDirectory;
  /** One question, one answer. */
  readonly callUnary: CallUnary;
  /** One question that stays open, with an answer after each change. */
  openStream(options: StreamOptions): FailoverStream;
  stop(): void;
}

export interface StreamOptions
  extends Omit<FailoverStreamOptions, "clock" | "restMs" | "onResult" | "method" | "deadlineMs"> {
  /** A row of the table of hook kinds. */
  readonly hook: { readonly name: HookName; readonly method: DescMethod };
}

/** What this room needs of a service's context. */
export type CallsContext = Pick<AppContext, "self" | "view" | "key" | "clock" | "settings" | "metrics">;

export function createPluginCalls(context: CallsContext, hooks: readonly HookName[]): PluginCalls {
  const { self, view, key, clock, settings } = context;
  const directory = watchPlugins({ view, hooks, key, pingMs: pingMsOf(settings) });
  const metrics = createCallMetrics(self.name, context.metrics);
  return {
    directory,
    callUnary: createCallUnary({ directory, metrics, clock }),
    openStream: ({ hook, ...options }) =>
      createFailoverStream({
        ...options,
        method: hook.method,
        deadlineMs: options.plugin.granted.deadlineMs,
        restMs: settings.coalesceMs,
        clock,
        onResult: (result) => metrics.ended(options.plugin, hook.name, result),
      }),
    stop: () => directory.stop(),
  };
}

/** Often enough that a stopped process is noticed well within its lease. */
function pingMsOf({ leaseMs }: Pick<Settings, "leaseMs">): number {
  return Math.min(leaseMs / 5, 10_000);
}
