import type { TraceContext } from "./trace-context.ts";

export type SpanKind = "server" | "client";

/** Whole numbers, text, or yes and no. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanEvent {
  readonly name: string;
  /** Milliseconds since the epoch, with fractions. */
  readonly at: number;
  readonly attributes: Attributes;
}

/** A finished piece of work, as it goes to the collector. */
export interface Span extends TraceContext {
  /** Empty: the trace begins here. */
  readonly parentSpanId: string;
  /** Passed through unchanged. */
  readonly traceState: string;
  readonly name: string;
  readonly kind: SpanKind;
  /** Milliseconds since the epoch, with fractions. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  /** Why it failed; undefined: it did not. */
  readonly error: string | undefined;
}

/** Who made a span (OpenTelemetry's resource): "service.name" and the like. */
export interface SpanSource {
  /** Name of the service. */
  readonly name: string;
  readonly namespace: string;
  /** One of its instances. */
  readonly instance: string;
  readonly version: string;
}
