import { latencyBucket } from "@patchbay/model";
import { CORE_VERSION, createTracing, type ExporterStats } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import type { Environment } from "../core/capture-environment.ts";
import { createExemplars } from "../core/report/exemplar-table.ts";
import type { ReportPart } from "../core/report/report-parts.ts";
import type { RequestObserver } from "../core/tap/request-observer.ts";
import { createTraceWitness } from "./trace-witness.ts";

export interface TracesOptions {
  /** Where OpenTelemetry's variables are; default: none. OTEL_SERVICE_NAME is the program's: the sidecar's spans have the workload's name. */
  readonly environment?: Environment;
  readonly self: { readonly name: string; readonly namespace: string; readonly instance: string };
  readonly log: Log;
}

/** A sidecar's part in traces. */
export interface Traces {
  /** To be asked before others, for it may change what a request says of its trace. */
  readonly witness: RequestObserver;
  readonly exemplars: ReportPart;
  /** Spans by outcome; all 0 when no collector is configured. */
  stats(): ExporterStats;
  /** Sends what waits, `ms` at most. */
  flush(ms: number): Promise<void>;
  stop(): void;
}

const NO_SPANS: ExporterStats = { sent: 0, dropped: 0, waiting: 0 };

export function createTraces({ environment = {}, self, log }: TracesOptions): Traces {
  const tracing = createTracing({ environment, log });
  return {
    witness: createTraceWitness(tracing?.tracer({ ...self, version: CORE_VERSION })),
    exemplars: createExemplars({ bucketOf: latencyBucket, now: Date.now }),
    stats: () => tracing?.stats() ?? NO_SPANS,
    flush: async (ms) => await tracing?.flush(ms),
    stop: () => tracing?.close(),
  };
}
