export { type CurrentTrace, currentTrace, withinTrace } from "./current-trace.ts";
export { epochMs } from "./epoch.ts";
export type { ExporterLimits, ExporterStats } from "./exporter.ts";
export { traceCall, traceStream } from "./rpc-traces.ts";
export type { Attributes, Span, SpanEvent, SpanKind, SpanSource } from "./span.ts";
export {
  formatTraceparent,
  newSpanId,
  newTraceId,
  parseTraceparent,
  TRACEPARENT,
  TRACESTATE,
  type TraceContext,
} from "./trace-context.ts";
export { createTracing, type Tracer, type Tracing, type TracingOptions } from "./tracing.ts";
