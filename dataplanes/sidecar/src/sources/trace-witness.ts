import type { HeaderList } from "@patchbay/model";
import {
  epochMs,
  formatTraceparent,
  parseTraceparent,
  type SpanEvent,
  type TraceContext,
  type Tracer,
} from "@patchbay/runtime";
import { errorOf, spanAttributes, spanName } from "../core/http/trace-attributes.ts";
import { readTraceFields, type TraceFields, withTraceparent } from "../core/http/trace-fields.ts";
import type { Failure } from "../core/routing/retry-rules.ts";
import type { Observation, ObservedRequest, RequestObserver } from "../core/tap/request-observer.ts";
import type { RequestRecord, TraceRef } from "../core/types.ts";

/**
 * Sees which requests are part of a trace. Without a tracer nothing of them is changed, they are only remembered as examples. With
 * one, a span is made of each that is sampled, and it takes the caller's place in the trace: spans of the next hops are below it.
 */
export function createTraceWitness(tracer: Tracer | undefined): RequestObserver {
  if (tracer !== undefined) return { begin: (request) => beginSpan(tracer, request) };
  return {
    begin({ head }) {
      const fields = readTraceFields(head.headers);
      const trace = fields && parseTraceparent(fields.parent);
      return trace?.sampled === true ? { trace, ended: nothing } : undefined;
    },
  };
}

const nothing = (): void => undefined;

function beginSpan(tracer: Tracer, request: ObservedRequest): Observation | undefined {
  const fields = readTraceFields(request.head.headers);
  const parent = fields && parseTraceparent(fields.parent);
  const context = tracer.begin(parent);
  // The caller has decided against sampling, and the next hops read that from its own field.
  if (!context.sampled && parent?.sampled === false) return undefined;
  const headers = withTraceparent(request.head.headers, formatTraceparent(context), parent !== undefined);
  if (!context.sampled) return { headers, ended: nothing };
  return new SpanSight({ tracer, request, context, parent, fields, headers });
}

interface Begun {
  readonly tracer: Tracer;
  readonly request: ObservedRequest;
  readonly context: TraceContext;
  readonly parent: TraceContext | undefined;
  readonly fields: TraceFields | undefined;
  readonly headers: HeaderList;
}

/** Retries beyond are not told one by one. */
const MAX_EVENTS = 16;
const NO_EVENTS: readonly SpanEvent[] = [];

class SpanSight implements Observation {
  readonly headers: HeaderList;
  readonly trace: TraceRef;
  readonly #begun: Begun;
  readonly #startedAt: number;
  #events: SpanEvent[] | undefined;

  constructor(begun: Begun) {
    this.#begun = begun;
    this.headers = begun.headers;
    this.trace = begun.context;
    this.#startedAt = epochMs(begun.request.startedAt);
  }

  retried({ kind, message }: Failure): void {
    this.#events ??= [];
    if (this.#events.length >= MAX_EVENTS) return;
    const attributes = { "patchbay.reason": kind, "patchbay.message": message };
    this.#events.push({ name: "retry", at: epochMs(), attributes });
  }

  ended(record: RequestRecord): void {
    const { tracer, request, context, parent, fields } = this.#begun;
    tracer.end({
      ...context,
      parentSpanId: parent?.spanId ?? "",
      traceState: parent === undefined ? "" : (fields?.state ?? ""),
      name: spanName(request, record),
      kind: request.direction === "outbound" ? "client" : "server",
      startedAt: this.#startedAt,
      endedAt: this.#startedAt + record.latencyMs,
      attributes: spanAttributes(request, record),
      events: this.#events ?? NO_EVENTS,
      error: errorOf(request.direction, record),
    });
  }
}
