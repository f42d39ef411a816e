import { Code, ConnectError } from "@connectrpc/connect";
import { Counter, type Registry } from "prom-client";

/** The outcome of a call; of a stream, that of its first answer. */
export type CallResult =
  | "answered"
  /** Not within the deadline. */
  | "late"
  /** No instance can be reached. */
  | "unavailable"
  /** The plugin's limit of concurrent calls is reached. */
  | "limited"
  /** The plugin refused, or its answer breaks the contract. */
  | "failed";

/** Counts calls of plugins' hooks. */
export interface CallMetrics {
  ended(plugin: { readonly namespace: string; readonly name: string }, hook: string, result: CallResult): void;
}

/** The metric's name begins with the service's, as those of its other metrics do. */
export function createCallMetrics(service: string, registry: Registry): CallMetrics {
  const calls = new Counter({
    name: `${service}_hook_calls_total`,
    help: "Calls of plugins' hooks by result: answered, late, unavailable, limited or failed.",
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
