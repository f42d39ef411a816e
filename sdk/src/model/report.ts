import { fromBinary } from "@bufbuild/protobuf";
import {
  Direction,
  type Report as ReportMessage,
  ReportSchema,
  type Row,
} from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import type { Report, ReportRow } from "../public/report.ts";
import { readLatency } from "./latency.ts";

/** Decodes an encoded mesh.telemetry.v1.Report into what authors see. Throws when the bytes are none. */
export function decodeReport(data: Uint8Array): Report {
  const message = fromBinary(ReportSchema, data);
  return {
    id: `${message.bootId}:${message.sequence}`,
    reporter: text(message, message.reporter),
    start: new Date(Number(message.startMs)),
    end: new Date(Number(message.endMs)),
    rows: message.rows.map((row) => toRow(message, row)),
    overflowed: message.overflowed,
  };
}

function toRow(message: ReportMessage, row: Row): ReportRow {
  return {
    direction: row.direction === Direction.INBOUND ? "inbound" : "outbound",
    source: text(message, row.source),
    target: text(message, row.target),
    route: text(message, row.route),
    method: text(message, row.method),
    status: row.status,
    ...(row.grpcStatus > 0 && { grpcStatus: row.grpcStatus - 1 }),
    tls: row.tls,
    opaque: row.opaque,
    requests: row.count,
    failures: row.failure ? row.count : 0,
    retries: row.retries,
    latency: readLatency(row.latency, row.latencySumUs),
    requestBytes: row.requestBytes,
    responseBytes: row.responseBytes,
    openConnectionsChange: row.openDelta,
  };
}

/** Index 0 is the empty string; an index out of the table names nothing. */
function text(message: ReportMessage, index: number): string {
  return message.strings[index] ?? "";
}
