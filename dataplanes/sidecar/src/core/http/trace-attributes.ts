import { methodOf, routeOf } from "@patchbay/model";
import { EGRESS } from "../report/recorder.ts";
import type { ObservedRequest } from "../tap/request-observer.ts";
import type { Direction, RequestRecord } from "../types.ts";
import type { RequestHead } from "./request-head.ts";

type Attributes = Record<string, string | number | boolean | undefined>;

/** Low in variety: method and path with ids taken out, "demo.v1.Cart/Add" for gRPC. */
export function spanName({ head, direction }: ObservedRequest, { target }: RequestRecord): string {
  if (head.grpc) return grpcNames(head).full;
  // The paths of the whole internet are no names.
  if (direction === "outbound" && target === EGRESS) return methodOf(head.method);
  return routeOf({ method: head.method, path: head.path, grpc: false });
}

/** OpenTelemetry's semantic conventions for HTTP and gRPC, and what only this mesh knows under `patchbay.`. */
export function spanAttributes(begun: ObservedRequest, record: RequestRecord): Attributes {
  const { head, direction, version, authority } = begun;
  const server = hostPort(authority);
  const path = head.path.split("?", 1)[0] ?? "";
  const peer = hostPort(direction === "outbound" ? (record.endpoint ?? "") : begun.peer.address);
  return {
    "http.request.method": methodOf(head.method) === head.method ? head.method : "_OTHER",
    "http.response.status_code": record.status === 0 ? undefined : record.status,
    "http.request.resend_count": record.attempts > 1 ? record.attempts - 1 : undefined,
    "url.scheme": "http",
    "url.path": path,
    // Without its query, which may hold secrets.
    "url.full": direction === "outbound" ? `http://${authority}${path}` : undefined,
    "server.address": server.host,
    "server.port": server.port ?? 80,
    "client.address": direction === "inbound" ? unlessEmpty(peer.host) : undefined,
    "network.peer.address": unlessEmpty(peer.host),
    "network.peer.port": peer.port,
    "network.protocol.version": version === 2 ? "2" : "1.1",
    ...grpcAttributes(head, record),
    "error.type": errorOf(direction, record),
    "patchbay.tls": record.tls,
    "patchbay.source.identity": unlessEmpty(record.identity),
    "patchbay.backend": unlessEmpty(record.backend),
    "patchbay.policy": unlessEmpty(record.policy),
  };
}

function grpcAttributes(head: RequestHead, { grpcStatus }: RequestRecord): Attributes {
  if (!head.grpc) return {};
  const { service, method } = grpcNames(head);
  return {
    "rpc.system": "grpc",
    "rpc.service": service,
    "rpc.method": method,
    "rpc.grpc.status_code": grpcStatus,
  };
}

function grpcNames(head: RequestHead): { readonly full: string; readonly service: string; readonly method: string } {
  const full = head.path.slice(1);
  const at = full.lastIndexOf("/");
  return { full, service: full.slice(0, Math.max(at, 0)), method: full.slice(at + 1) };
}

/** Statuses of gRPC that a server answers for: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const SERVER_FAULTS: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);
const CLIENT_CLOSED = 499;

/** The failure in one word; undefined: none. A client's mistake is no error of the server's span. */
export function errorOf(direction: Direction, record: RequestRecord): string | undefined {
  const { status, grpcStatus, error } = record;
  if (status === 0) return "reset";
  if (status === CLIENT_CLOSED) return direction === "outbound" ? "cancelled" : undefined;
  const failed =
    grpcStatus === undefined || status !== 200
      ? status >= (direction === "outbound" ? 400 : 500)
      : grpcStatus !== 0 && (direction === "outbound" || SERVER_FAULTS.has(grpcStatus));
  if (!failed) return undefined;
  if (error !== undefined && error !== "") return error;
  return String(status === 200 && grpcStatus !== undefined ? grpcStatus : status);
}

function unlessEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

/** Of "host:port", "host", "[::1]:80" and "". */
function hostPort(text: string): { readonly host: string; readonly port: number | undefined } {
  const match = /^(.*?)(?::(\d{1,5}))?$/.exec(text);
  const [, host = "", port] = match ?? [];
  return { host: host.replace(/^\[|\]$/g, ""), port: port === undefined ? undefined : Number(port) };
}
