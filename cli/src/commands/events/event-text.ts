import {
  type DescMessage,
  fromBinary,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { errorMessage, isRecord } from "@patchbay/model";
import { OutcomeSchema } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { ObjectiveStateSchema } from "@patchbay/proto/mesh/common/v1/objective_pb";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import {
  EndpointChangedSchema,
  ObjectiveChangedSchema,
  PluginStateChangedSchema,
} from "@patchbay/proto/mesh/event/v1/event_pb";
import { ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { type EventClass, type ReplayedEvent, readCloudEvent } from "@patchbay/wire";
import { enumName, enumToken } from "../../output/enum-name.ts";
import { lineWidth, paint } from "../../output/output.ts";
import { shorten } from "../../output/text-width.ts";
import { stateName } from "../../states.ts";

const schemas: Readonly<Record<EventClass, DescMessage>> = {
  report: ReportSchema,
  endpoint: EndpointChangedSchema,
  plugin: PluginStateChangedSchema,
  slo: ObjectiveChangedSchema,
};

/** An event for scripts: the envelope's attributes and the decoded data. */
export function eventJson(eventClass: EventClass, event: ReplayedEvent): object {
  const { id = "", type = "", source = "" } = readCloudEvent(event.headers) ?? {};
  return {
    class: eventClass,
    id,
    type,
    source,
    time: new Date(event.time).toISOString(),
    subject: event.subject,
    sequence: event.seq,
    data: decode(eventClass, event.data),
  };
}

function decode(eventClass: EventClass, data: Uint8Array): JsonValue {
  try {
    const schema = schemas[eventClass];
    return withTokens(schema, fromBinary(schema, data));
  } catch (error) {
    return { undecodable: errorMessage(error), base64: Buffer.from(data).toString("base64") };
  }
}

/** As protobuf writes JSON, except for the enums: "ready" as in the other commands, and not "STATE_READY"; "" for none. */
function withTokens(schema: DescMessage, message: Message): JsonObject {
  const json = toJson(schema, message, { alwaysEmitImplicit: true });
  const enums = schema.fields.flatMap((field) => {
    if (field.fieldKind !== "enum") return [];
    const value: unknown = reflect(schema, message).get(field);
    return [[field.jsonName, typeof value === "number" && value !== 0 ? enumToken(field.enum, value) : ""]];
  });
  return { ...(isRecord(json) ? json : {}), ...Object.fromEntries(enums) };
}

/** An event for people, in one line. */
export function describeEvent(eventClass: EventClass, event: ReplayedEvent): string {
  const time = new Date(event.time).toTimeString().slice(0, 8);
  const head = `${time} ${eventClass.padEnd(8)} `;
  const text = shorten(sentence(eventClass, event), lineWidth() - head.length);
  return `${paint("dim", head)}${text.includes(FAILED) ? paint("bad", text) : text}`;
}

function sentence(eventClass: EventClass, { data, subject }: ReplayedEvent): string {
  try {
    return sentences[eventClass](data);
  } catch (error) {
    return `${subject}: cannot be decoded, ${errorMessage(error)}`;
  }
}

/** How a report that is worth a look can be told. */
const FAILED = " failed";

const sentences: Readonly<Record<EventClass, (data: Uint8Array) => string>> = {
  report(data) {
    const report = fromBinary(ReportSchema, data);
    const requests = report.rows.reduce((sum, row) => sum + row.count, 0);
    const failures = report.rows.reduce((sum, row) => sum + (row.failure ? row.count : 0), 0);
    const bad = failures > 0 ? `, ${failures}${FAILED}` : "";
    return `${report.strings[report.reporter] || "-"} #${report.sequence}: ${requests} requests${bad}`;
  },
  endpoint(data) {
    const { authority, outcome, endpoints, resolver } = fromBinary(EndpointChangedSchema, data);
    const answer =
      endpoints.length > 0
        ? endpoints.map(({ address, port }) => `${address}:${port}`).join(" ")
        : enumName(OutcomeSchema, outcome);
    return `${authority}: ${answer}, by ${resolver || "no resolver"}`;
  },
  plugin(data) {
    const { name, instance, state, previous, reason } = fromBinary(PluginStateChangedSchema, data);
    return `${name} (${instance}) ${previous === State.UNSPECIFIED ? "new" : stateName(previous)} -> ${stateName(state)}${reason && `: ${reason}`}`;
  },
  slo(data) {
    const { namespace, name, state, shortBurn, longBurn, threshold } = fromBinary(ObjectiveChangedSchema, data);
    const burn = `burns ${shortBurn.toFixed(1)} and ${longBurn.toFixed(1)} times its budget's pace`;
    return `${namespace}/${name} is ${enumToken(ObjectiveStateSchema, state)}: ${burn}, alerts at ${threshold}`;
  },
};
