import { splitHostPort } from "../name/host-port.ts";
import { isForwardedIdentity } from "./forwarded-identity-headers.ts";
import { connectionOptions, HeaderKind, headerKind, without } from "./header-kinds.ts";
import { normalizePath } from "./path.ts";
import type { RequestFacts, SourceFacts, TargetFacts } from "./request-facts.ts";
import { routeOf } from "./route-name.ts";

/** A request's description: the head that a proxy has read, a dry run, or a tapped request. */
export interface DescribedRequest {
  readonly method: string;
  /** With its query, in any spelling. */
  readonly path: string;
  /** Host with port, as the client wrote it. */
  readonly authority: string;
  /** End-to-end fields: as `endToEnd` leaves them. */
  readonly headers: readonly string[];
  readonly grpc: boolean;
}

/** What is known of a request beside itself. */
export interface RequestContext {
  /** Of HTTP. */
  readonly version: 1 | 2;
  /** Where it leads, when that is not what its authority says. */
  readonly port?: number;
  readonly source: SourceFacts;
  readonly target: TargetFacts;
  readonly direction: RequestFacts["direction"];
}

/** The one place in which a request becomes what rules decide on. */
export function requestFacts(request: DescribedRequest, context: RequestContext): RequestFacts {
  const { method, authority, headers, grpc } = request;
  const { version, source, target, direction } = context;
  const { bare: path, query } = normalizePath(request.path);
  const { host, port: written } = hostAndPort(authority);
  const port = context.port ?? written;
  return {
    method,
    path,
    query,
    host,
    ...(port === undefined ? {} : { port }),
    headers,
    protocol: grpc ? "grpc" : version === 2 ? "http/2" : "http/1.1",
    source,
    target,
    tls: source.identity !== "",
    direction,
    // Made when a rule asks for it: few do.
    get route() {
      return routeOf({ method, path, grpc });
    },
  };
}

/** A request that is only written down, as a proxy would read its head. */
export function describeRequest(written: {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly headers: Readonly<Record<string, string>>;
}): DescribedRequest {
  const headers = endToEnd(Object.entries(written.headers).flat());
  const type = headers.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === "content-type");
  const { method, path, authority } = written;
  return { method, path, authority, headers, grpc: type >= 0 && isGrpc(headers[type + 1] ?? "") };
}

const NO_FIELDS: readonly string[] = [];

/** For an opaque (TCP) connection: no method, no path. */
export function connectionFacts(source: SourceFacts, target: TargetFacts): RequestFacts {
  return {
    method: "",
    path: "",
    query: "",
    host: "",
    headers: NO_FIELDS,
    protocol: "http/1.1",
    source,
    target,
    tls: source.identity !== "",
    direction: "inbound",
  };
}

/** Host and port as rules see them: in lower case, without the dot of the root; what is no authority is all host. */
export function hostAndPort(authority: string): { readonly host: string; readonly port: number | undefined } {
  const { host, port } = splitHostPort(authority) ?? { host: authority, port: undefined };
  const lower = host.toLowerCase();
  return { host: lower.endsWith(".") ? lower.slice(0, -1) : lower, port };
}

/** "application/grpc", with a format ("+proto") or parameters; not gRPC-Web, which frames answers differently (gRPC over HTTP/2). */
const GRPC = /^application\/grpc(?:[+;\s]|$)/i;

/** By its content type, a media type in any case (RFC 9110 §8.3.1). */
export function isGrpc(contentType: string): boolean {
  return GRPC.test(contentType);
}

/**
 * The fields of a request that a proxy passes on and that rules see, as reading a head leaves them: without what frames the
 * message, belongs to one hop, or claims an identity.
 */
function endToEnd(headers: readonly string[]): readonly string[] {
  const kept: string[] = [];
  const dropped: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? "";
    const value = headers[i + 1] ?? "";
    const kind = headerKind(name);
    if (kind === HeaderKind.CONNECTION) dropped.push(...connectionOptions(value));
    else if (PASSED_ON.has(kind) && !isForwardedIdentity(name)) kept.push(name, value);
  }
  return without(kept, dropped);
}

const PASSED_ON: ReadonlySet<HeaderKind> = new Set([
  HeaderKind.END_TO_END,
  HeaderKind.CONTENT_TYPE,
  HeaderKind.GRPC_STATUS,
]);
