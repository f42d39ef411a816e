import type { Interceptor, UnaryRequest } from "@connectrpc/connect";
import { provenCaller } from "../auth.ts";
import { type CurrentTrace, currentTrace, withinTrace } from "./current-trace.ts";
import { spanOf } from "./rpc-span.ts";
import { formatTraceparent, parseTraceparent, TRACEPARENT, TRACESTATE, type TraceContext } from "./trace-context.ts";
import type { Tracer } from "./tracing.ts";

/** The tracer of the service that has a method, by the package of its contract; undefined: no spans are made. */
export type TracerOf = ((service: string) => Tracer) | undefined;

/**
 * Handlers of unary calls run within the caller's trace, so that their logs name it and their own calls join it; with a tracer a
 * span is made of each. What core services ask each other on their own account, once a second for ever, begins no trace.
 * Goes behind the interceptor that proves the caller.
 */
export function traceHandlers(tracerOf: TracerOf): Interceptor {
  return (next) => (request) => {
    if (request.stream) return next(request);
    const parent = parentOf(request);
    const tracer = tracerOf?.(serviceOf(request));
    const begins = parent === undefined && provenCaller(request.contextValues)?.kind !== "core";
    if (parent === undefined && (tracer === undefined || !begins)) return next(request);
    const context = tracer?.begin(parent) ?? parent;
    if (context === undefined) return next(request);
    const traceState = parent === undefined ? "" : (request.header.get(TRACESTATE) ?? "");
    const trace: CurrentTrace = { context, traceState, tracer, over: false };
    const answer = withinTrace(trace, () =>
      tracer !== undefined && context.sampled
        ? spanOf({ tracer, context, parent, traceState, kind: "server" }, request, () => next(request))
        : next(request),
    );
    return answer.finally(() => (trace.over = true));
  };
}

/** Calls made while a traced call is answered carry its trace on; with a tracer a span is made of each unary one. */
export const traceCalls: Interceptor = (next) => (request) => {
  const trace = currentTrace();
  if (trace === undefined) return next(request);
  const { tracer, context: parent, traceState } = trace;
  const context = tracer === undefined || request.stream ? parent : tracer.begin(parent);
  request.header.set(TRACEPARENT, formatTraceparent(context));
  if (traceState !== "") request.header.set(TRACESTATE, traceState);
  if (tracer === undefined || request.stream || !context.sampled) return next(request);
  return spanOf({ tracer, context, parent, traceState, kind: "client" }, request, () => next(request));
};

function parentOf(request: UnaryRequest): TraceContext | undefined {
  const field = request.header.get(TRACEPARENT);
  return field === null ? undefined : parseTraceparent(field);
}

/** "telemetry" of mesh.telemetry.v1.Telemetry. */
function serviceOf(request: UnaryRequest): string {
  return request.service.typeName.split(".")[1] ?? request.service.typeName;
}
