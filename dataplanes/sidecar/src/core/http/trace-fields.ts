import type { HeaderList } from "@patchbay/model";

/** Fields of W3C Trace Context, as a request has them. */
export interface TraceFields {
  /** Of `traceparent`. Empty: there are several, which is as good as none (§3.2). */
  readonly parent: string;
  /** Of all `tracestate` fields. */
  readonly state: string;
}

/** Undefined, without an allocation: the request says nothing of a trace. Runs for every request. */
export function readTraceFields(headers: readonly string[]): TraceFields | undefined {
  let parent: string | undefined;
  let state = "";
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? "";
    if (isParent(name)) parent = parent === undefined ? headers[i + 1] : "";
    else if (isState(name)) state = state === "" ? (headers[i + 1] ?? "") : `${state},${headers[i + 1]}`;
  }
  return parent === undefined ? undefined : { parent, state };
}

/** For logs. Undefined: the request is part of no trace, or its trace fields are invalid. */
export function traceIdOf(headers: readonly string[]): string | undefined {
  const fields = readTraceFields(headers);
  return fields && /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(fields.parent)?.[1];
}

/** The fields with this `traceparent` in place of any other. `keepState` false: `tracestate` belonged to another trace. */
export function withTraceparent(headers: readonly string[], parent: string, keepState: boolean): HeaderList {
  const fields: HeaderList = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? "";
    if (isParent(name) || (!keepState && isState(name))) continue;
    fields.push(name, headers[i + 1] ?? "");
  }
  fields.push("traceparent", parent);
  return fields;
}

// Lengths first: nearly all other names differ in it.
function isParent(name: string): boolean {
  return name.length === 11 && (name === "traceparent" || name.toLowerCase() === "traceparent");
}

function isState(name: string): boolean {
  return name.length === 10 && (name === "tracestate" || name.toLowerCase() === "tracestate");
}
