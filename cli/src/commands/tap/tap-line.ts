import { timestampDate } from "@bufbuild/protobuf/wkt";
import { escaped, preciseMs } from "@patchbay/model";
import { type Header, type Peer, type Request, RequestProtocol } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { paint } from "../../output/output.ts";
import { padText, shorten, textWidth } from "../../output/text-width.ts";
import { clock, latency } from "../../output/units.ts";

/** The stable form of one request, for scripts. */
export function requestJson(request: Request): object {
  const { id, proxy, inbound, method, authority, path, route, protocol, open, tls, attempts } = request;
  const { error, policy, traceId, started } = request;
  return {
    id,
    proxy,
    inbound,
    source: partyJson(request.source),
    target: { ...partyJson(request.target), backend: request.target?.backend ?? "" },
    started: started ? timestampDate(started).toISOString() : null,
    method,
    authority,
    path,
    route,
    protocol: PROTOCOLS.get(protocol) ?? "",
    open,
    status: request.status || null,
    grpcStatus: request.grpcStatus ?? null,
    latencyMs: latencyOf(request) ?? null,
    requestBytes: Number(request.requestBytes),
    responseBytes: Number(request.responseBytes),
    tls,
    attempts,
    error,
    policy,
    traceId,
    requestHeaders: request.requestHeaders.map(fieldJson),
    responseHeaders: request.responseHeaders.map(fieldJson),
  };
}

const PROTOCOLS: ReadonlyMap<RequestProtocol, string> = new Map([
  [RequestProtocol.HTTP1, "http/1.1"],
  [RequestProtocol.HTTP2, "http/2"],
  [RequestProtocol.GRPC, "grpc"],
]);

function partyJson(party: Peer | undefined): object {
  const { name = "", namespace = "", identity = "", address = "" } = party ?? {};
  return { name, namespace, identity, address };
}

function fieldJson({ name, value }: Header): object {
  return { name, value };
}

/** Milliseconds, with their fractions. */
function latencyOf({ latency: took }: Request): number | undefined {
  return took && preciseMs(took);
}

/** Prints requests as lines whose columns stay aligned as far as possible. */
export interface TapPrinter {
  /** `width`: of a terminal; undefined: nothing is shortened. */
  lines(request: Request, width: number | undefined): string[];
}

const MAX_PAIR = 32;
const CALL = 30;
/** Time, status, latency, sizes and the gaps between. */
const FIXED = 12 + 7 + 7 + 13 + 6;

/** `callersOnly`: all requests are reported by the callers' proxies, so that lines need not say so. */
export function createTapPrinter(callersOnly = false): TapPrinter {
  let pairWidth = 0;
  return {
    lines(request, width) {
      const pair = shorten(`${nameOf(request.source)} -> ${nameOf(request.target)}`, MAX_PAIR);
      pairWidth = Math.max(pairWidth, textWidth(pair));
      const call = escaped(`${request.method} ${request.path}`);
      const callWidth = width === undefined ? Math.max(CALL, textWidth(call)) : Math.max(16, width - FIXED - pairWidth);
      const cells = [
        timeOf(request),
        padText(pair, pairWidth),
        padText(shorten(call, callWidth), callWidth),
        statusText(request).padEnd(7),
        latencyText(request).padStart(7),
        sizesText(request),
      ];
      const line = cells.join(" ").trimEnd();
      const notes = notesOf(request, callersOnly);
      return [painted(request, line), ...notes.map((note) => paint("dim", `    ${note}`))];
    },
  };
}

function nameOf(party: Peer | undefined): string {
  const name = party?.name ?? "";
  return escaped(name === "" ? "unknown" : name);
}

function timeOf({ started }: Request): string {
  if (started === undefined) return "-".padEnd(12);
  const date = timestampDate(started);
  return `${clock(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function statusText(request: Request): string {
  if (request.open) return "open";
  const grpcStatus = request.grpcStatus;
  if (grpcStatus !== undefined) return `grpc ${grpcStatus}`;
  return request.status === 0 ? "none" : String(request.status);
}

function latencyText(request: Request): string {
  const ms = latencyOf(request);
  return request.open || ms === undefined ? "-" : latency(ms);
}

function sizesText({ open, requestBytes, responseBytes }: Request): string {
  return open ? "" : `${bytes(Number(requestBytes))}>${bytes(Number(responseBytes))}`;
}

function bytes(count: number): string {
  if (count < 1_000) return `${count}B`;
  return count < 1_000_000 ? `${(count / 1_000).toFixed(1)}kB` : `${(count / 1_000_000).toFixed(1)}MB`;
}

/** What is not usual about it, a line each. */
function notesOf(request: Request, callersOnly: boolean): string[] {
  const { error, policy, attempts, target, proxy, inbound, open, tls } = request;
  const backend = target?.backend ?? "";
  const said = [
    error === "" ? "" : `the proxy answered: ${error}`,
    policy,
    backend === "" ? "" : `sent to ${backend}`,
    attempts > 1 ? `${attempts} tries` : "",
    !open && !tls && error === "" ? "plain text" : "",
    inbound || callersOnly ? "" : `seen by the caller's proxy, ${proxy}`,
  ].filter((note) => note !== "");
  const fields = (mark: string, list: readonly Header[]): string[] =>
    list.map(({ name, value }) => `${mark} ${name}: ${value}`);
  const lines = said.length === 0 ? [] : [said.join("; ")];
  return [...lines, ...fields(">", request.requestHeaders), ...fields("<", request.responseHeaders)].map(escaped);
}

function painted(request: Request, line: string): string {
  if (request.open) return paint("dim", line);
  const grpcStatus = request.grpcStatus ?? 0;
  const bad = request.status === 0 || request.status >= 500 || grpcStatus > 0;
  if (bad) return paint("bad", line);
  return request.status >= 400 ? paint("warn", line) : line;
}
