import { AsyncLocalStorage } from "node:async_hooks";
import type { TraceContext } from "./trace-context.ts";
import type { Tracer } from "./tracing.ts";

/** The call that is being answered. */
export interface CurrentTrace {
  readonly context: TraceContext;
  /** As it came. */
  readonly traceState: string;
  /** Undefined: no spans are made here; the trace is only passed on. */
  readonly tracer: Tracer | undefined;
  /** It has been answered. What was begun meanwhile and goes on, such as a kept connection, is not part of it. */
  over: boolean;
}

const storage = new AsyncLocalStorage<CurrentTrace>();

/** Undefined: nothing that is part of a trace is being answered here. */
export function currentTrace(): CurrentTrace | undefined {
  const trace = storage.getStore();
  return trace?.over === false ? trace : undefined;
}

export function withinTrace<T>(trace: CurrentTrace, work: () => T): T {
  return storage.run(trace, work);
}
