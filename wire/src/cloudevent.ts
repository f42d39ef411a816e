/** Context attributes of a CloudEvent, version 1.0. */
export interface CloudEventAttributes {
  /** Unique together with the source. */
  readonly id: string;
  /** URI reference of who says it, such as "/mesh/telemetry". */
  readonly source: string;
  /** Such as "dev.patchbay.report.v1". */
  readonly type: string;
  readonly time: Date;
  readonly subject?: string;
  /** URI of the data's schema. */
  readonly dataschema?: string;
}

const PROTOBUF = "application/protobuf";

/**
 * Headers of a CloudEvent in binary mode: one `ce-` header per attribute, data as it is.
 * Follows the NATS protocol binding on the main branch of the CloudEvents specification, §3.1, with the values encoded
 * as in the HTTP binding, §3.1.3.2; released 1.0.x knows structured mode only.
 */
export function cloudEventHeaders(event: CloudEventAttributes): Record<string, string> {
  const headers: Record<string, string> = {
    "ce-specversion": "1.0",
    "ce-id": encodeValue(event.id),
    "ce-source": encodeValue(event.source),
    "ce-type": encodeValue(event.type),
    "ce-time": event.time.toISOString(),
    "content-type": PROTOBUF,
  };
  if (event.subject !== undefined) headers["ce-subject"] = encodeValue(event.subject);
  if (event.dataschema !== undefined) headers["ce-dataschema"] = encodeValue(event.dataschema);
  return headers;
}

/** The attributes again; undefined when a required one is missing or the time is none. */
export function readCloudEvent(headers: ReadonlyMap<string, string>): CloudEventAttributes | undefined {
  const read = (name: string): string | undefined => {
    const value = headers.get(`ce-${name}`);
    return value === undefined ? undefined : decodeValue(value);
  };
  const [id = "", source = "", type = ""] = [read("id"), read("source"), read("type")];
  const [subject, dataschema] = [read("subject"), read("dataschema")];
  const time = new Date(headers.get("ce-time") ?? "");
  if ([id, source, type].includes("") || Number.isNaN(time.getTime())) return undefined;
  return {
    id,
    source,
    type,
    time,
    ...(subject === undefined ? {} : { subject }),
    ...(dataschema === undefined ? {} : { dataschema }),
  };
}

// Everything but printable ASCII, and of that the space, the double quote and the percent sign.
function encodeValue(text: string): string {
  return text.toWellFormed().replaceAll(/[^\x21\x23\x24\x26-\x7e]/gu, (character) => encodeURIComponent(character));
}

function decodeValue(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Another program's encoding: keep the raw value.
    return text;
  }
}
