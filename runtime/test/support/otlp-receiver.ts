import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { requestSchema } from "./otlp-schema.ts";

/** A span as a collector sees it. */
export interface ReceivedSpan {
  readonly service: string;
  readonly namespace: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: the trace begins here. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: "server" | "client" | "other";
  /** Nanoseconds since the epoch. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly events: readonly { readonly name: string; readonly attributes: ReceivedSpan["attributes"] }[];
  /** Message of an error; undefined: no error. */
  readonly error: string | undefined;
}

/** Takes traces by OTLP over HTTP, as a collector does. */
export interface OtlpReceiver extends AsyncDisposable {
  /** "http://host:port": for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** Fields of each request that came. */
  readonly requests: IncomingMessage["headers"][];
  /** Asked before each request is taken: a status other than 200 refuses it, a promise keeps it waiting. */
  answer: () => number | Promise<number>;
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const requests: IncomingMessage["headers"][] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      requests.push(request.headers);
      const known = request.url === "/v1/traces" && request.headers["content-type"] === "application/x-protobuf";
      const status = known ? await receiver.answer() : 404;
      if (status === 200) spans.push(...decode(Buffer.concat(chunks)));
      response.writeHead(status, { "content-type": "application/x-protobuf" }).end();
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    answer: () => 200,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

interface JsonAttribute {
  readonly key: string;
  readonly value?: {
    readonly stringValue?: string;
    readonly intValue?: string;
    readonly boolValue?: boolean;
    readonly doubleValue?: number;
  };
}

interface JsonSpan {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string;
  readonly endTimeUnixNano?: string;
  readonly attributes?: JsonAttribute[];
  readonly events?: { name?: string; attributes?: JsonAttribute[] }[];
  readonly status?: { message?: string; code?: number };
}

interface JsonRequest {
  readonly resourceSpans?: { resource?: { attributes?: JsonAttribute[] }; scopeSpans?: { spans?: JsonSpan[] }[] }[];
}

/** Spans of an ExportTraceServiceRequest. */
export function decode(bytes: Uint8Array): ReceivedSpan[] {
  const { resourceSpans = [] } = toJson(requestSchema, fromBinary(requestSchema, bytes)) as JsonRequest;
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) => {
    const made = attributes(resource?.attributes);
    const service = String(made["service.name"]);
    const namespace = String(made["service.namespace"]);
    return scopeSpans.flatMap(({ spans = [] }) => spans.map((span) => ({ service, namespace, ...spanOf(span) })));
  });
}

function spanOf(span: JsonSpan): Omit<ReceivedSpan, "service" | "namespace"> {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    traceState: span.traceState ?? "",
    name: span.name ?? "",
    kind: span.kind === 2 ? "server" : span.kind === 3 ? "client" : "other",
    start: BigInt(span.startTimeUnixNano ?? 0),
    end: BigInt(span.endTimeUnixNano ?? 0),
    attributes: attributes(span.attributes),
    events: (span.events ?? []).map((event) => ({ name: event.name ?? "", attributes: attributes(event.attributes) })),
    error: span.status?.code === 2 ? (span.status.message ?? "") : undefined,
  };
}

function hex(base64 = ""): string {
  return Buffer.from(base64, "base64").toString("hex");
}

function attributes(list: readonly JsonAttribute[] = []): Record<string, string | number | boolean> {
  return Object.fromEntries(
    list.map(({ key, value = {} }) => {
      const { stringValue, intValue, boolValue, doubleValue } = value;
      if (intValue !== undefined) return [key, Number(intValue)];
      return [key, stringValue ?? boolValue ?? doubleValue ?? ""];
    }),
  );
}
