import type { CelInput } from "@bufbuild/cel";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { RequestFacts, ResponseFacts } from "@patchbay/model";
import { headerView } from "./header-view.ts";

/** One row of the table in docs/expressions.md. */
interface Variable {
  readonly type: string;
  /** Known only once the request has ended. */
  readonly ended?: true;
  read(facts: Facts): CelInput;
}

export interface Facts {
  readonly request: RequestFacts;
  readonly response: ResponseFacts | undefined;
}

const HEADERS = "map(string, string)";

function ofRequest(read: (request: RequestFacts) => string): Variable {
  return { type: "string", read: ({ request }) => read(request) };
}

/** `none` stands where nothing has been answered yet; expressions over requests are refused when they name one of these. */
function ofResponse<T extends CelInput>(type: string, read: (response: ResponseFacts) => T, none: T): Variable {
  return { type, ended: true, read: ({ response }) => (response === undefined ? none : read(response)) };
}

/** A host is the same in any case and with a dot at its end, and a client chooses how to write it. */
function plainHost(host: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** What expressions may name. */
export const VARIABLES: ReadonlyMap<string, Variable> = new Map<string, Variable>([
  ["request.method", ofRequest(({ method }) => method)],
  ["request.path", ofRequest(({ path }) => path)],
  ["request.query", ofRequest(({ query }) => query)],
  ["request.host", ofRequest(({ host }) => plainHost(host))],
  ["request.headers", { type: HEADERS, read: ({ request }) => headerView(request.headers) }],
  ["request.protocol", ofRequest(({ protocol }) => protocol)],
  ["request.route", ofRequest(({ route = "" }) => route)],
  ["request.size", ofResponse("int", ({ requestBytes }) => BigInt(Math.trunc(requestBytes)), 0n)],
  ["request.trace_id", ofResponse("string", ({ traceId }) => traceId, "")],
  ["response.code", ofResponse("int", ({ code }) => BigInt(code), 0n)],
  ["response.grpc_status", ofResponse("int", ({ grpcStatus = -1 }) => BigInt(grpcStatus), -1n)],
  [
    "response.latency",
    ofResponse<CelInput>("duration", ({ latencyMs }) => durationFromMs(latencyMs), durationFromMs(0)),
  ],
  ["response.latency_ms", ofResponse("double", ({ latencyMs }) => latencyMs, 0)],
  ["response.size", ofResponse("int", ({ responseBytes }) => BigInt(Math.trunc(responseBytes)), 0n)],
  ["response.headers", ofResponse<CelInput>(HEADERS, ({ headers }) => headerView(headers), new Map())],
  ["response.attempts", ofResponse("int", ({ attempts }) => BigInt(attempts), 0n)],
  ["response.error", ofResponse("string", ({ error }) => error, "")],
  ["source.identity", ofRequest(({ source }) => source.identity)],
  ["source.namespace", ofRequest(({ source }) => source.namespace)],
  ["source.service", ofRequest(({ source }) => source.service)],
  ["source.address", ofRequest(({ source }) => source.address)],
  ["target.namespace", ofRequest(({ target }) => target.namespace)],
  ["target.service", ofRequest(({ target }) => target.service)],
  ["target.backend", ofRequest(({ target }) => target.backend ?? "")],
  ["target.address", ofRequest(({ target }) => target.address ?? "")],
  ["connection.tls", { type: "bool", read: ({ request }) => request.tls }],
  ["direction", ofRequest(({ direction }) => direction)],
]);

/** "request", "response", … */
export const ROOTS: ReadonlySet<string> = new Set([...VARIABLES.keys()].map((name) => name.split(".")[0] ?? name));
