import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Attributes, Span, SpanEvent, SpanKind, SpanSource } from "./span.ts";

/** Spans of one source. */
export interface SpanGroup {
  readonly source: SpanSource;
  /** Each as `encodeSpan` gave it. */
  readonly spans: readonly Uint8Array[];
}

/** Longest text of one attribute; a path may have 16 KiB, and nobody reads that. */
const MAX_TEXT = 1_024;
const SCOPE = "patchbay";

// Field numbers are those of opentelemetry-proto 1.x: collector/trace/v1/trace_service.proto, trace/v1/trace.proto,
// resource/v1/resource.proto, common/v1/common.proto.

/** Bytes of an ExportTraceServiceRequest. */
export function encodeRequest(groups: readonly SpanGroup[]): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  for (const { source, spans } of groups) {
    message(writer, 1, () => {
      message(writer, 1, () => attributes(writer, 1, resourceAttributes(source)));
      message(writer, 2, () => {
        message(writer, 1, () => {
          text(writer, 1, SCOPE);
          text(writer, 2, source.version);
        });
        for (const span of spans) writer.tag(2, WireType.LengthDelimited).bytes(span);
      });
    });
  }
  return writer.finish();
}

/** Bytes of one Span, so that a batch is only put together when it leaves. */
export function encodeSpan(span: Span): Uint8Array {
  const writer = new BinaryWriter();
  bytes(writer, 1, span.traceId);
  bytes(writer, 2, span.spanId);
  text(writer, 3, span.traceState);
  bytes(writer, 4, span.parentSpanId);
  text(writer, 5, cut(span.name));
  writer.tag(6, WireType.Varint).int32(KINDS[span.kind]);
  time(writer, 7, span.startedAt);
  time(writer, 8, Math.max(span.startedAt, span.endedAt));
  attributes(writer, 9, span.attributes);
  for (const event of span.events) message(writer, 11, () => encodeEvent(writer, event));
  const { error } = span;
  if (error !== undefined) {
    message(writer, 15, () => {
      text(writer, 2, cut(error));
      writer.tag(3, WireType.Varint).int32(STATUS_ERROR);
    });
  }
  // Trace flags in the lowest byte: sampled.
  writer.tag(16, WireType.Bit32).fixed32(span.sampled ? 1 : 0);
  return writer.finish();
}

const KINDS: Readonly<Record<SpanKind, number>> = { server: 2, client: 3 };
const STATUS_ERROR = 2;

function encodeEvent(writer: BinaryWriter, event: SpanEvent): void {
  time(writer, 1, event.at);
  text(writer, 2, event.name);
  attributes(writer, 3, event.attributes);
}

function resourceAttributes({ name, namespace, instance, version }: SpanSource): Attributes {
  return {
    "service.name": name,
    "service.namespace": namespace,
    "service.instance.id": instance,
    "service.version": version || undefined,
    "telemetry.sdk.name": "patchbay",
    "telemetry.sdk.language": "nodejs",
  };
}

function attributes(writer: BinaryWriter, field: number, values: Attributes): void {
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) continue;
    message(writer, field, () => {
      text(writer, 1, key);
      message(writer, 2, () => anyValue(writer, value));
    });
  }
}

function anyValue(writer: BinaryWriter, value: string | number | boolean): void {
  if (typeof value === "string") writer.tag(1, WireType.LengthDelimited).string(cut(value));
  else if (typeof value === "boolean") writer.tag(2, WireType.Varint).bool(value);
  else if (Number.isSafeInteger(value)) writer.tag(3, WireType.Varint).int64(value);
  else writer.tag(4, WireType.Bit64).double(value);
}

function message(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  if (value !== "") writer.tag(field, WireType.LengthDelimited).string(value);
}

function bytes(writer: BinaryWriter, field: number, hex: string): void {
  if (hex !== "") writer.tag(field, WireType.LengthDelimited).bytes(Buffer.from(hex, "hex"));
}

/** Nanoseconds since the epoch, of which a millisecond's fraction keeps the microseconds. */
function time(writer: BinaryWriter, field: number, ms: number): void {
  writer.tag(field, WireType.Bit64).fixed64(BigInt(Math.round(ms * 1_000)) * 1_000n);
}

function cut(value: string): string {
  return value.length <= MAX_TEXT ? value : `${value.slice(0, MAX_TEXT - 1)}…`;
}
