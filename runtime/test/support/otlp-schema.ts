import { create, createFileRegistry, type DescMessage, type Message } from "@bufbuild/protobuf";
import {
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";

// The schema of OTLP as tests need it to read requests: names, numbers and types of opentelemetry-proto 1.x. Kept apart from the
// code that encodes, so that a wrong number there is noticed; fixtures/otlp-request.json was made by OpenTelemetry's own library.
const MESSAGES: Readonly<Record<string, readonly string[]>> = {
  ExportTraceServiceRequest: ["repeated ResourceSpans resource_spans 1"],
  ResourceSpans: ["Resource resource 1", "repeated ScopeSpans scope_spans 2", "string schema_url 3"],
  Resource: ["repeated KeyValue attributes 1", "uint32 dropped_attributes_count 2"],
  ScopeSpans: ["InstrumentationScope scope 1", "repeated Span spans 2", "string schema_url 3"],
  InstrumentationScope: ["string name 1", "string version 2", "repeated KeyValue attributes 3"],
  Span: [
    "bytes trace_id 1",
    "bytes span_id 2",
    "string trace_state 3",
    "bytes parent_span_id 4",
    "string name 5",
    "int32 kind 6",
    "fixed64 start_time_unix_nano 7",
    "fixed64 end_time_unix_nano 8",
    "repeated KeyValue attributes 9",
    "uint32 dropped_attributes_count 10",
    "repeated Event events 11",
    "uint32 dropped_events_count 12",
    "repeated Link links 13",
    "uint32 dropped_links_count 14",
    "Status status 15",
    "fixed32 flags 16",
  ],
  Event: ["fixed64 time_unix_nano 1", "string name 2", "repeated KeyValue attributes 3"],
  Link: ["bytes trace_id 1", "bytes span_id 2"],
  Status: ["string message 2", "int32 code 3"],
  KeyValue: ["string key 1", "AnyValue value 2"],
  AnyValue: ["string string_value 1", "bool bool_value 2", "int64 int_value 3", "double double_value 4"],
};

const TYPES: Readonly<Record<string, Type>> = {
  string: Type.STRING,
  bytes: Type.BYTES,
  bool: Type.BOOL,
  int32: Type.INT32,
  int64: Type.INT64,
  uint32: Type.UINT32,
  fixed32: Type.FIXED32,
  fixed64: Type.FIXED64,
  double: Type.DOUBLE,
};

/** Its fields are one oneof: of these also 0, false and empty text are said. */
const ONEOF = "AnyValue";

function field(text: string, oneof: boolean): FieldDescriptorProto {
  const words = text.split(" ");
  const label = words[0] === "repeated" ? Label.REPEATED : Label.OPTIONAL;
  const [type = "", name = "", number = ""] = words[0] === "repeated" ? words.slice(1) : words;
  const scalar = TYPES[type];
  return create(FieldDescriptorProtoSchema, {
    name,
    label,
    number: Number(number),
    ...(oneof ? { oneofIndex: 0 } : {}),
    jsonName: name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    ...(scalar === undefined ? { type: Type.MESSAGE, typeName: `.otlp.${type}` } : { type: scalar }),
  });
}

const messageType = Object.entries(MESSAGES).map(([name, fields]) => ({
  name,
  field: fields.map((text) => field(text, name === ONEOF)),
  oneofDecl: name === ONEOF ? [{ name: "value" }] : [],
}));
const file = create(FileDescriptorProtoSchema, { name: "otlp.proto", package: "otlp", syntax: "proto3", messageType });
const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));

function schemaOf(name: string): DescMessage {
  const schema = registry.getMessage(name);
  if (schema === undefined) throw new Error(`${name} is not in the schema`);
  return schema;
}

export const requestSchema = schemaOf("otlp.ExportTraceServiceRequest");
export type RequestMessage = Message;
