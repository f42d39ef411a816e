import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { epochMs } from "./epoch.ts";
import type { SpanKind } from "./span.ts";
import type { TraceContext } from "./trace-context.ts";
import type { Tracer } from "./tracing.ts";

/** A method, and how it is called. */
export interface Rpc {
  /** OpenTelemetry's name of the protocol. */
  readonly system: "connect_rpc" | "grpc";
  /** Such as "mesh.policy.v1.Policy". */
  readonly service: string;
  readonly method: string;
}

interface RpcSpan {
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
export async function spanOf<T>(span: RpcSpan, rpc: Rpc, call: () => Promise<T>): Promise<T> {
  const startedAt = epochMs();
  try {
    const answer = await call();
    end(span, rpc, { startedAt, code: undefined });
    return answer;
  } catch (error) {
    end(span, rpc, { startedAt, code: ConnectError.from(error).code });
    throw error;
  }
}

function end(span: RpcSpan, rpc: Rpc, how: { startedAt: number; code: Code | undefined }): void {
  const { tracer, context, parent, traceState, kind } = span;
  const { code } = how;
  const failed = code !== undefined && (kind === "client" || SERVER_FAULTS.has(code));
  const { system, service, method } = rpc;
  tracer.end({
    ...context,
    parentSpanId: parent?.spanId ?? "",
    traceState,
    name: `${service}/${method}`,
    kind,
    startedAt: how.startedAt,
    endedAt: epochMs(),
    attributes: {
      "rpc.system": system,
      "rpc.service": service,
      "rpc.method": method,
      ...(system === "grpc"
        ? // Connect has taken over gRPC's codes; it has none for success, which is 0.
          { "rpc.grpc.status_code": code ?? 0 }
        : { "rpc.connect_rpc.error_code": code === undefined ? undefined : codeToString(code) }),
      "error.type": failed ? codeToString(code) : undefined,
    },
    events: [],
    error: failed ? codeToString(code) : undefined,
  });
}
