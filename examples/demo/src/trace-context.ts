import { AsyncLocalStorage } from "node:async_hooks";
import type { IncomingHttpHeaders } from "node:http";

/** Fields by which a request says which trace it belongs to (W3C Trace Context). */
type TraceFields = Record<string, string>;

const storage = new AsyncLocalStorage<TraceFields>();

/** Runs the work for a request, which ends up in the request's trace by what it calls with `traceFields()`. */
export function withinTrace<T>(headers: IncomingHttpHeaders, work: () => T): T {
  const fields: TraceFields = {};
  for (const name of ["traceparent", "tracestate"]) {
    const value = headers[name];
    if (typeof value === "string") fields[name] = value;
  }
  return storage.run(fields, work);
}

/** The fields to forward with each call made for a request, so that the mesh can join the spans. Nothing else is needed. */
export function traceFields(): TraceFields {
  return storage.getStore() ?? {};
}
