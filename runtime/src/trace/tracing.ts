import type { Log } from "@patchbay/wire";
import { createExporter, type ExporterLimits, type ExporterStats } from "./exporter.ts";
import { createSampler } from "./sampler.ts";
import type { Span, SpanSource } from "./span.ts";
import { newSpanId, newTraceId, type TraceContext } from "./trace-context.ts";
import { readTraceSettings } from "./trace-settings.ts";

/** Makes spans of one service. */
export interface Tracer {
  /** The place of a new span: below `parent`, or at the begin of a trace. When it is not sampled, no span is to be made of it. */
  begin(parent: TraceContext | undefined): TraceContext;
  end(span: Span): void;
}

/** Traces of one process. */
export interface Tracing {
  tracer(source: SpanSource): Tracer;
  stats(): ExporterStats;
  /** Sends what waits, `ms` at most. */
  flush(ms: number): Promise<void>;
  close(): void;
}

export interface TracingOptions {
  /** OpenTelemetry's variables; see `readTraceSettings`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly limits?: Partial<ExporterLimits>;
}

/** Undefined, and without any cost, when no collector is configured. */
export function createTracing({ environment, log, limits }: TracingOptions): Tracing | undefined {
  const { settings, problems } = readTraceSettings(environment);
  for (const problem of problems) log.warn({}, problem);
  if (settings === undefined) return undefined;
  const exporter = createExporter({ ...settings, log, ...(limits === undefined ? {} : { limits }) });
  const sampler = createSampler(settings.sampler);
  return {
    tracer: (source) => ({
      begin(parent) {
        const traceId = parent?.traceId ?? newTraceId();
        return { traceId, spanId: newSpanId(), sampled: sampler.keeps(traceId, parent) };
      },
      end: (span) => exporter.add(source, span),
    }),
    stats: exporter.stats,
    flush: exporter.flush,
    close: exporter.close,
  };
}
