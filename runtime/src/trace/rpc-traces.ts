import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { Interceptor, UnaryRequest } from "@connectrpc/connect";
import { provenCaller } from "../auth.ts";
import { type CurrentTrace, currentTrace, withinTrace } from "./current-trace.ts";
import { type Rpc, spanOf } from "./rpc-span.ts";
import { formatTraceparent, parseTraceparent, TRACEPARENT, TRACESTATE, type TraceContext } from "./trace-context.ts";
import type { Tracer } from "./tracing.ts";

/** The tracer of the service that has a method, by the package of its contract; undefined: no spans are made. */
export type TracerOf = ((service: string) => Tracer) | undefined;

/**
 * Handlers of unary calls run within the caller's trace, so that their logs name it and their own calls join it; with a tracer a
 * span is made of each. Periodic calls between core services begin no trace.
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
        ? spanOf({ tracer, context, parent, traceState, kind: "server" }, rpcOf(request), () => next(request))
        : next(request),
    );
    return answer.finally(() => (trace.over = true));
  };
}

/** Calls made while a traced call is answered carry its trace on. */
export const traceCalls: Interceptor = (next) => (request) => {
  const setField: SetField = (name, value) => request.header.set(name, value);
  if (!request.stream) return traceCall(rpcOf(request), setField, () => next(request));
  traceStream(setField);
  return next(request);
};

/** Sets a header field of a call that is about to be made. */
type SetField = (name: string, value: string) => void;

/** Makes a unary call that carries on the trace of the call that is being answered, if any; with a tracer a span is made of it. */
export function traceCall<T>(rpc: Rpc, setField: SetField, call: () => Promise<T>): Promise<T> {
  const trace = currentTrace();
  if (trace === undefined) return call();
  const { tracer, context: parent, traceState } = trace;
  const context = tracer?.begin(parent) ?? parent;
  setTrace(setField, context, traceState);
  if (tracer === undefined || !context.sampled) return call();
  return spanOf({ tracer, context, parent, traceState, kind: "client" }, rpc, call);
}

/** The same for a stream, which may outlive what it was opened for: no span is made of it. */
export function traceStream(setField: SetField): void {
  const trace = currentTrace();
  if (trace !== undefined) setTrace(setField, trace.context, trace.traceState);
}

/** W3C Trace Context §3. */
function setTrace(setField: SetField, context: TraceContext, traceState: string): void {
  setField(TRACEPARENT, formatTraceparent(context));
  if (traceState !== "") setField(TRACESTATE, traceState);
}

function rpcOf({ service, method }: { readonly service: DescService; readonly method: DescMethod }): Rpc {
  return { system: "connect_rpc", service: service.typeName, method: method.name };
}

function parentOf(request: UnaryRequest): TraceContext | undefined {
  const field = request.header.get(TRACEPARENT);
  return field === null ? undefined : parseTraceparent(field);
}

/** "telemetry" of mesh.telemetry.v1.Telemetry. */
function serviceOf(request: UnaryRequest): string {
  return request.service.typeName.split(".")[1] ?? request.service.typeName;
}
