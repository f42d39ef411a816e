import { Code, ConnectError, type UnaryRequest } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { epochMs } from "./epoch.ts";
import type { SpanKind } from "./span.ts";
import type { TraceContext } from "./trace-context.ts";
import type { Tracer } from "./tracing.ts";

export interface RpcSpan {
  readonly tracer: Tracer;
  readonly context: TraceContext;
  readonly parent: TraceContext | undefined;
  readonly traceState: string;
  readonly kind: SpanKind;
}

/** OpenTelemetry's semantic conventions for RPC: codes of a server's span that are its fault. */
const SERVER_FAULTS: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** Runs a unary call and makes a span of it. */
export async function spanOf<T>(span: RpcSpan, request: UnaryRequest, call: () => Promise<T>): Promise<T> {
  const startedAt = epochMs();
  try {
    const answer = await call();
    end(span, request, { startedAt, code: undefined });
    return answer;
  } catch (error) {
    end(span, request, { startedAt, code: ConnectError.from(error).code });
    throw error;
  }
}

function end(span: RpcSpan, request: UnaryRequest, how: { startedAt: number; code: Code | undefined }): void {
  const { tracer, context, parent, traceState, kind } = span;
  const { code } = how;
  const failed = code !== undefined && (kind === "client" || SERVER_FAULTS.has(code));
  const service = request.service.typeName;
  tracer.end({
    ...context,
    parentSpanId: parent?.spanId ?? "",
    traceState,
    name: `${service}/${request.method.name}`,
    kind,
    startedAt: how.startedAt,
    endedAt: epochMs(),
    attributes: {
      "rpc.system": "connect_rpc",
      "rpc.service": service,
      "rpc.method": request.method.name,
      "rpc.connect_rpc.error_code": code === undefined ? undefined : codeToString(code),
      "error.type": failed ? codeToString(code) : undefined,
    },
    events: [],
    error: failed ? codeToString(code) : undefined,
  });
}
