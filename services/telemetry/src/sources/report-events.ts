import {
  cloudEventHeaders,
  type EventBus,
  type FixedHeaders,
  fixedHeaders,
  type Published,
  reportSubject,
  STREAMS,
} from "@patchbay/wire";
import type { ReportTable } from "../core/decode/report-table.ts";

/** CloudEvents type of a report. */
export const REPORT_TYPE = "dev.patchbay.report.v1";
/** Header that names the replica which took the report, and which therefore counts it. */
export const REPLICA_HEADER = "mesh-replica";
/** Room that an event's headers take beside its data. */
const HEADER_BYTES = 2_048;
const MAX_REPORTERS = 10_000;

export interface ReportEvents {
  /**
   * Stores a report as an event, the bytes as they came. `duplicate` says that some replica had stored it before.
   *
   * @throws EventBusError when it is not stored, or may not be.
   */
  publish(table: ReportTable): Promise<Published>;
  /** Largest report that can be stored, in bytes. */
  maxBytes(): number;
  /** The replica that stored the event with this sequence in the stream. */
  takenBy(seq: number): Promise<string>;
}

interface Reporter {
  readonly subject: string;
  readonly headers: FixedHeaders;
}

/** Publishes reports as CloudEvents: see docs/events.md. Attributes that only depend on the reporter are made once. */
export function createReportEvents(bus: EventBus, replica: string, maxEventBytes: number): ReportEvents {
  const reporters = new Map<string, Reporter>();
  const isoTime = createIsoTime();
  const known = (reporter: string): Reporter => {
    const found = reporters.get(reporter);
    if (found) return found;
    if (reporters.size >= MAX_REPORTERS) reporters.clear();
    const made = describe(reporter, replica);
    reporters.set(reporter, made);
    return made;
  };
  return {
    publish(table) {
      const { subject, headers } = known(table.reporter);
      const id = `${table.bootId}:${table.sequence}`;
      return bus.publish({
        subject,
        // A boot id is the proxy's own choice, so it tells reports apart only together with the proven reporter.
        id: `${table.reporter}/${id}`,
        fixedHeaders: headers,
        headers: { "ce-id": id, "ce-time": isoTime(table.endMs) },
        data: table.bytes,
      });
    },
    maxBytes: () => Math.min(bus.maxPayload(), maxEventBytes) - HEADER_BYTES,
    async takenBy(seq) {
      const message = await bus.admin().streams.getMessage(STREAMS.report, { seq });
      return message?.header.get(REPLICA_HEADER) ?? "";
    },
  };
}

function describe(reporter: string, replica: string): Reporter {
  const slash = reporter.indexOf("/");
  const subject = reportSubject(reporter.slice(0, slash), reporter.slice(slash + 1));
  const source = `/mesh/proxies/${reporter}`;
  const event = { id: "", source, type: REPORT_TYPE, time: new Date(0), subject: reporter };
  // These two are each event's own.
  const { "ce-id": _id, "ce-time": _time, ...shared } = cloudEventHeaders(event);
  return { subject, headers: fixedHeaders({ ...shared, [REPLICA_HEADER]: replica }) };
}

/** `Date.toISOString` for times that mostly lie in the same second, as the reports do that come at one time. */
function createIsoTime(): (ms: number) => string {
  let second = Number.NaN;
  let prefix = "";
  return (ms) => {
    const rest = ms % 1_000;
    if (ms - rest !== second) {
      prefix = new Date(ms - rest).toISOString().slice(0, -4);
      second = ms - rest;
    }
    return `${prefix}${String(rest).padStart(3, "0")}Z`;
  };
}
