import { Code, ConnectError } from "@connectrpc/connect";
import { type Claims, EventBusError, errorMessage, type Published } from "@patchbay/wire";
import { type Aggregate, bootOf } from "../core/aggregate.ts";
import { createReportDecoder } from "../core/report-decoder.ts";
import { ReportError } from "../core/report-error.ts";
import { ReportTable } from "../core/report-table.ts";
import type { Shares } from "../core/shares.ts";
import type { ReportEvents } from "../sources/report-events.ts";
import type { Session } from "./presence.ts";
import type { TelemetryMetrics } from "./telemetry-metrics.ts";

/** What is said to the proxy about one report. */
export interface Answer {
  readonly sequence: number;
  /** Why it is refused for good; empty: it is stored. */
  readonly refused: string;
}

export interface IngestOptions {
  readonly aggregate: Aggregate;
  readonly shares: Shares;
  readonly metrics: TelemetryMetrics;
  /** Where reports are stored; undefined while there is nowhere. */
  reports(): ReportEvents | undefined;
  /** Why there is nowhere. */
  problem(): string;
  now(): number;
}

export interface Ingest {
  /**
   * Takes one encoded report: checks it, stores it as an event, counts it once, in this order. When it was counted
   * before, only the answer is repeated.
   *
   * Rejects with INVALID_ARGUMENT when not even its sequence can be read, UNAVAILABLE when it cannot be stored now.
   */
  take(bytes: Uint8Array, session: Session): Promise<Answer>;
}

const MAX_KEPT_TABLES = 64;
/** A proxy has one; whoever makes them up need not be remembered. */
const MAX_BOOTS = 8;
const nothing = new Uint8Array(0);

export function createIngest(options: IngestOptions): Ingest {
  const { aggregate, metrics } = options;
  const decode = createReportDecoder();
  const tables: ReportTable[] = [];
  const release = (table: ReportTable): void => {
    table.bytes = nothing;
    if (tables.length < MAX_KEPT_TABLES && table.reusable()) tables.push(table);
  };

  const store = async (table: ReportTable, events: ReportEvents): Promise<Answer> => {
    try {
      const published = await events.publish(table);
      const ours = !published.duplicate || (await isOurs(options, events, published));
      const applied = ours && aggregate.apply(table, options.now());
      metrics.reports.inc({ result: applied ? "applied" : "duplicate" });
      return { sequence: table.sequence, refused: "" };
    } catch (error) {
      metrics.reports.inc({ result: "failed" });
      throw unavailable(error);
    } finally {
      release(table);
    }
  };
  return {
    async take(bytes, { caller, boots }) {
      const table = tables.pop() ?? new ReportTable();
      const events = options.reports();
      try {
        decode(bytes, table);
        checkReporter(table, caller);
        if (events) checkSize(bytes, events);
        if (boots.size < MAX_BOOTS) boots.add(bootOf(table));
      } catch (error) {
        const { sequence } = table;
        release(table);
        metrics.reports.inc({ result: "refused" });
        return refusal(error, sequence);
      }
      if (aggregate.has(table)) {
        metrics.reports.inc({ result: "duplicate" });
        const { sequence } = table;
        release(table);
        return { sequence, refused: "" };
      }
      if (events) return await store(table, events);
      release(table);
      metrics.reports.inc({ result: "failed" });
      throw new ConnectError(`reports cannot be stored at the moment: ${options.problem()}`, Code.Unavailable);
    },
  };
}

/**
 * Whether a report that the stream had already is ours to count: another replica may have stored it and then lost
 * the connection to the proxy before it could say so.
 */
async function isOurs({ shares }: IngestOptions, events: ReportEvents, { seq }: Published): Promise<boolean> {
  return shares.alone() || shares.has(await events.takenBy(seq));
}

/** A proxy speaks for itself alone. */
function checkReporter({ reporter }: ReportTable, { namespace, name }: Claims): void {
  if (reporter === `${namespace}/${name}`) return;
  throw new ReportError(`the report speaks for "${reporter}", but the token proves "${namespace}/${name}"`);
}

function checkSize({ byteLength }: Uint8Array, events: ReportEvents): void {
  const limit = events.maxBytes();
  if (byteLength <= limit) return;
  throw new ReportError(`the report has ${byteLength} bytes; the event stream takes ${limit}: send fewer rows`);
}

/** An answer where the proxy can be told which report is meant; else the end of its stream. */
function refusal(error: unknown, sequence: number): Answer {
  if (!(error instanceof ReportError)) throw error;
  if (sequence > 0) return { sequence, refused: error.message };
  throw new ConnectError(`not a report: ${error.message}`, Code.InvalidArgument);
}

function unavailable(error: unknown): ConnectError {
  const code = error instanceof EventBusError ? ` (${error.code})` : "";
  return new ConnectError(`the report could not be stored${code}: ${errorMessage(error)}`, Code.Unavailable);
}
