import { fromBinary } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
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
  const { authority, link, outcome, endpoints, version } = fromBinary(EndpointChangedSchema, data);
  return {
    authority,
    link,
    outcome: isOutcome(outcome) ? outcome : "failed",
    endpoints: endpoints.map(({ address, port, weight }) => ({ address, port, weight: weight || 1 })),
    version,
  };
}

function isOutcome(outcome: string): outcome is EndpointChange["outcome"] {
  return ["endpoints", "empty", "absent", "failed"].includes(outcome);
}

function decodePluginChange(data: Uint8Array): PluginChange {
  const { name, instance, version, state, previous, reason, at } = fromBinary(PluginStateChangedSchema, data);
  return { name, instance, version, state, previous, reason, at: at ? timestampDate(at) : new Date(0) };
}

function decodeSloChange(data: Uint8Array): SloChange {
  const message = fromBinary(ObjectiveChangedSchema, data);
  const { namespace, name, source, target, state, latencyBoundMs, threshold, budgetLeft, at } = message;
  return {
    namespace,
    name,
    source,
    target,
    state: state === "ok" ? "ok" : "burning",
    objective: message.targetRatio,
    ...(latencyBoundMs > 0 && { latencyUnderMs: latencyBoundMs }),
    short: { burn: message.shortBurn, windowMs: message.shortWindowSeconds * 1_000 },
    long: { burn: message.longBurn, windowMs: message.longWindowSeconds * 1_000 },
    threshold,
    budgetLeft,
    at: at ? timestampDate(at) : new Date(0),
  };
}
