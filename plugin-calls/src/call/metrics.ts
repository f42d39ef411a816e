import { Code, ConnectError } from "@connectrpc/connect";
import { Counter, type Registry } from "prom-client";

/** What became of a call. Of a stream it is the first answer that counts. */
export type CallResult =
  | "answered"
  /** Not within the deadline. */
  | "late"
  /** There is no instance that can be reached. */
  | "unavailable"
  /** As many calls as the plugin takes are under way. */
  | "limited"
  /** The plugin refused, or answered what breaks the contract. */
  | "failed";

/** Counts calls of plugins' hooks. */
export interface CallMetrics {
  ended(plugin: { readonly namespace: string; readonly name: string }, hook: string, result: CallResult): void;
}

/** The metric's name begins with the service's, as those of its other metrics do. */
export function createCallMetrics(service: string, registry: Registry): CallMetrics {
  const calls = new Counter({
    name: `${service}_hook_calls_total`,
    help: "Calls of plugins' hooks by what became of them: answered, late, unavailable, limited or failed.",
    labelNames: ["plugin", "hook", "result"],
    registers: [registry],
  });
  return {
    ended: ({ namespace, name }, hook, result) => calls.inc({ plugin: `${namespace}/${name}`, hook, result }),
  };
}

export function resultOf(error: unknown): CallResult {
  switch (ConnectError.from(error).code) {
    case Code.DeadlineExceeded:
      return "late";
    case Code.Unavailable:
      return "unavailable";
    case Code.ResourceExhausted:
      return "limited";
    default:
      return "failed";
  }
}
