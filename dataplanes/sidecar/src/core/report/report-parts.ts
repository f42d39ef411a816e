import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import type { TraceRef } from "../types.ts";
import type { StringTable } from "./string-table.ts";

/** What a report says beside its rows: each part fills fields of its own. */
export interface ReportPart {
  /** True: there is something to say, even in a report without rows. */
  pending(): boolean;
  /** A request that is part of a trace was counted in the row of this number. */
  example?(row: number, request: Example): void;
  /** Its fields of the report. It begins anew with this; what finds no room is left out and counted by the part. */
  take(report: PartContext): ReportFields;
}

export interface Example {
  readonly latencyMs: number;
  readonly trace: TraceRef;
}

export interface PartContext {
  /** Texts of the report. */
  readonly strings: StringTable;
  /** False: the report is as large as it may become; no text that it does not hold yet. */
  hasRoom(): boolean;
}

export type ReportFields = Pick<MessageInitShape<typeof ReportSchema>, "exemplars" | "health" | "decisions">;
