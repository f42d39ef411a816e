import { clip, methodOf, routeOf } from "@patchbay/model";
import type { Recorder, RequestRecord } from "../types.ts";
import type { ConnectionLabels, ReportTable } from "./report-table.ts";

/** The name under which requests to the world outside the mesh are counted together. */
export const EGRESS = "egress";

/** Counts finished requests in a table, by route instead of path. */
export function createRecorder(table: ReportTable): Recorder {
  return {
    request(record) {
      table.add({
        direction: record.direction,
        source: name(record.source),
        target: name(record.target),
        backend: name(record.backend ?? ""),
        route: routeFor(record),
        method: record.opaque ? "" : methodOf(record.method),
        status: record.status,
        grpcStatus: record.grpcStatus,
        tls: record.tls,
        opaque: record.opaque,
        latencyMs: Math.max(0, record.latencyMs),
        requestBytes: record.requestBytes,
        responseBytes: record.responseBytes,
        retried: record.attempts > 1,
        trace: record.trace,
      });
      if (record.opaque && record.status === 0) table.open(connectionOf(record), -1);
    },
    opened: (connection) => table.open(connectionOf(connection), 1),
  };
}

function routeFor(record: RequestRecord): string {
  if (record.opaque) return "";
  // The paths of the whole internet are no routes of this mesh.
  if (record.target === EGRESS) return `${methodOf(record.method)} *`;
  return routeOf({ method: record.method, path: record.path, grpc: record.grpcStatus !== undefined });
}

type Connection = Parameters<Recorder["opened"]>[0];

function connectionOf(connection: Connection): ConnectionLabels {
  const { direction, source, target, backend = "", tls } = connection;
  return { direction, source: name(source), target: name(target), backend: name(backend), tls };
}

/** A DNS name has at most 253 characters; what is longer is no name. */
function name(text: string): string {
  return clip(text, 253);
}
