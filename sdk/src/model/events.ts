import { fromBinary } from "@bufbuild/protobuf";
import { type Duration, durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import { Outcome } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { ObjectiveState } from "@patchbay/proto/mesh/common/v1/objective_pb";
import { State, StateSchema } from "@patchbay/proto/mesh/common/v1/state_pb";
import {
  EndpointChangedSchema,
  ObjectiveChangedSchema,
  PluginStateChangedSchema,
} from "@patchbay/proto/mesh/event/v1/event_pb";
import type { EndpointChange, PluginChange, Report } from "../public/report.ts";
import type { SloChange } from "../public/slo.ts";
import { decodeReport } from "./report.ts";

/** What each class of events is for an author. */
export interface EventOf {
  readonly report: Report;
  readonly endpoint: EndpointChange;
  readonly plugin: PluginChange;
  readonly slo: SloChange;
}

/** Classes of events that this SDK speaks. */
export type EventName = keyof EventOf;

/** The same as a list, for looking names up. */
export const EVENT_NAMES: readonly EventName[] = ["report", "endpoint", "plugin", "slo"];

const decoders: { readonly [Name in EventName]: (data: Uint8Array) => EventOf[Name] } = {
  report: decodeReport,
  endpoint: decodeEndpointChange,
  plugin: decodePluginChange,
  slo: decodeSloChange,
};

/** Decodes an event's data. Throws when it is not what its class says. */
export function decodeEvent<Name extends EventName>(name: Name, data: Uint8Array): EventOf[Name] {
  return decoders[name](data);
}

function decodeEndpointChange(data: Uint8Array): EndpointChange {
  const { authority, resolver, outcome, endpoints, version } = fromBinary(EndpointChangedSchema, data);
  return {
    authority,
    resolver,
    outcome: OUTCOMES.get(outcome) ?? "failed",
    endpoints: endpoints.map(({ address, port, weight }) => ({ address, port, weight: weight === 0 ? 1 : weight })),
    version,
  };
}

const OUTCOMES: ReadonlyMap<Outcome, EndpointChange["outcome"]> = new Map([
  [Outcome.ENDPOINTS, "endpoints"],
  [Outcome.EMPTY, "empty"],
  [Outcome.ABSENT, "absent"],
]);

function decodePluginChange(data: Uint8Array): PluginChange {
  const { name, instance, version, state, previous, reason, at } = fromBinary(PluginStateChangedSchema, data);
  const names = { state: stateName(state), previous: previous === State.UNSPECIFIED ? "" : stateName(previous) };
  return { name, instance, version, ...names, reason, at: at ? timestampDate(at) : new Date(0) };
}

/** "ready", "degraded": of a later contract version "unknown". */
export function stateName(state: State): string {
  return StateSchema.value[state]?.localName.toLowerCase() ?? "unknown";
}

function decodeSloChange(data: Uint8Array): SloChange {
  const message = fromBinary(ObjectiveChangedSchema, data);
  const { namespace, name, source, target, state, latencyBound, threshold, budgetLeft, at } = message;
  return {
    namespace,
    name,
    source,
    target,
    state: state === ObjectiveState.OK ? "ok" : "burning",
    objective: message.targetRatio,
    ...(latencyBound && { latencyUnderMs: durationMs(latencyBound) }),
    short: { burn: message.shortBurn, windowMs: windowMs(message.shortWindow) },
    long: { burn: message.longBurn, windowMs: windowMs(message.longWindow) },
    threshold,
    budgetLeft,
    at: at ? timestampDate(at) : new Date(0),
  };
}

function windowMs(window: Duration | undefined): number {
  return window ? durationMs(window) : 0;
}
