import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { clip } from "@patchbay/model";
import { ProtoWriter } from "./proto-writer.ts";
import type { Attributes, Span, SpanEvent, SpanKind, SpanSource } from "./span.ts";

/** Spans of one source. */
export interface SpanGroup {
  readonly source: SpanSource;
  /** Each as `encodeSpan` gave it. */
  readonly spans: readonly Uint8Array[];
}

/** Longest text of one attribute; a path may have 16 KiB. */
const MAX_TEXT = 1_024;
const SCOPE = "patchbay";

// Field numbers are those of opentelemetry-proto 1.x: collector/trace/v1/trace_service.proto, trace/v1/trace.proto,
// resource/v1/resource.proto, common/v1/common.proto.

/** Bytes of an ExportTraceServiceRequest. */
export function encodeRequest(groups: readonly SpanGroup[]): Uint8Array<ArrayBuffer> {
  const request = new BinaryWriter();
  for (const { source, spans } of groups) {
    request.tag(1, WireType.LengthDelimited).fork();
    request.tag(1, WireType.LengthDelimited).bytes(encodeResource(source));
    request.tag(2, WireType.LengthDelimited).fork();
    request.tag(1, WireType.LengthDelimited).bytes(encodeScope(source));
    for (const span of spans) request.tag(2, WireType.LengthDelimited).bytes(span);
    request.join().join();
  }
  return request.finish();
}

function encodeResource(source: SpanSource): Uint8Array {
  attributes(writer, 1, resourceAttributes(source));
  return writer.take();
}

function encodeScope({ version }: SpanSource): Uint8Array {
  writer.text(1, SCOPE);
  writer.text(2, version);
  return writer.take();
}

/** One for all: nothing is awaited while it is in use. */
const writer = new ProtoWriter();

/** Bytes of one Span, so that a batch is only put together when it leaves. Runs for every request of a trace. */
export function encodeSpan(span: Span): Uint8Array {
  writer.hex(1, span.traceId);
  writer.hex(2, span.spanId);
  if (span.traceState.length <= MAX_TEXT) writer.text(3, span.traceState);
  writer.hex(4, span.parentSpanId);
  writer.text(5, clip(span.name, MAX_TEXT));
  writer.integer(6, KINDS[span.kind]);
  writer.fixed64(7, nanoseconds(span.startedAt));
  writer.fixed64(8, nanoseconds(Math.max(span.startedAt, span.endedAt)));
  attributes(writer, 9, span.attributes);
  for (const event of span.events) writer.message(11, () => encodeEvent(event));
  if (span.error !== undefined) encodeError(span.error);
  // Trace flags in the lowest byte: sampled.
  writer.fixed32(16, span.sampled ? 1 : 0);
  return writer.take();
}

const KINDS: Readonly<Record<SpanKind, number>> = { server: 2, client: 3 };
const STATUS_ERROR = 2;

function encodeError(error: string): void {
  writer.message(15, () => {
    writer.text(2, clip(error, MAX_TEXT));
    writer.integer(3, STATUS_ERROR);
  });
}

function encodeEvent({ at, name, attributes: values }: SpanEvent): void {
  writer.fixed64(1, nanoseconds(at));
  writer.text(2, name);
  attributes(writer, 3, values);
}

function resourceAttributes({ name, namespace, instance, version }: SpanSource): Attributes {
  return {
    "service.name": name,
    "service.namespace": namespace,
    "service.instance.id": instance,
    "service.version": version === "" ? undefined : version,
    "telemetry.sdk.name": "patchbay",
    "telemetry.sdk.language": "nodejs",
  };
}

function attributes(to: ProtoWriter, field: number, values: Attributes): void {
  for (const key in values) {
    const value = values[key];
    if (value === undefined) continue;
    to.message(field, () => {
      to.text(1, key);
      to.message(2, () => anyValue(to, value));
    });
  }
}

function anyValue(to: ProtoWriter, value: string | number | boolean): void {
  if (typeof value === "string") to.string(1, clip(value, MAX_TEXT));
  else if (typeof value === "boolean") to.integer(2, value ? 1 : 0);
  else if (Number.isSafeInteger(value)) to.integer(3, value);
  else to.double(4, value);
}

/** Since the epoch; of a millisecond's fraction the microseconds are kept. */
function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000)) * 1_000n;
}
