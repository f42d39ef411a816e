import { type Log, newInstanceId } from "@patchbay/wire";
import { Counter, type Registry } from "prom-client";
import type { TracerOf } from "./rpc-traces.ts";
import { createTracing, type Tracer, type TracingOptions } from "./tracing.ts";

/** Traces of a process of core services. */
export interface ProcessTraces {
  readonly tracerOf: TracerOf;
  /** Shows how many spans were sent and dropped. */
  count(metrics: Registry): void;
  /** Sends what waits and ends. */
  stop(): Promise<void>;
}

interface ProcessTracesOptions extends Pick<TracingOptions, "environment"> {
  readonly version: string;
  readonly log: Log;
}

/** So that a core service is no workload of the same name. */
const NAMESPACE = "patchbay";
const FLUSH_MS = 500;

/** Undefined when no collector is configured. */
export function traceProcess({ environment, version, log }: ProcessTracesOptions): ProcessTraces | undefined {
  const tracing = createTracing({ environment, log });
  if (tracing === undefined) return undefined;
  const instance = newInstanceId();
  const tracers = new Map<string, Tracer>();
  return {
    tracerOf(name) {
      const known = tracers.get(name) ?? tracing.tracer({ name, namespace: NAMESPACE, instance, version });
      tracers.set(name, known);
      return known;
    },
    count(metrics) {
      const total = new Counter({
        name: "mesh_trace_spans_total",
        help: "Spans by outcome.",
        labelNames: ["result"],
        registers: [metrics],
        collect() {
          const { sent, dropped } = tracing.stats();
          this.reset();
          this.inc({ result: "sent" }, sent);
          this.inc({ result: "dropped" }, dropped);
        },
      });
      total.inc({ result: "dropped" }, 0);
    },
    async stop() {
      await tracing.flush(FLUSH_MS);
      tracing.close();
    },
  };
}
