import { Code, ConnectError } from "@connectrpc/connect";
import { errorMessage } from "@patchbay/model";
import { EventBusError, type Published } from "@patchbay/wire";
import type { Aggregate } from "../core/aggregate/aggregate.ts";
import type { ReportOwnership } from "../core/aggregate/report-ownership.ts";
import { createReportDecoder } from "../core/decode/report-decoder.ts";
import { ReportError } from "../core/decode/report-error.ts";
import { ReportTable } from "../core/decode/report-table.ts";
import type { ReportEvents } from "../sources/report-events.ts";
import type { ReportCounts } from "./report-counts.ts";
import type { Session } from "./session.ts";

/** What is said to the proxy about one report. */
export interface Answer {
  readonly sequence: number;
  /** Why it is refused for good; empty: it is stored. */
  readonly refused: string;
}

export interface IngestOptions {
  readonly aggregate: Aggregate;
  readonly shares: ReportOwnership;
  readonly counts: ReportCounts;
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
/** A proxy has one boot id; whoever makes them up need not be remembered. */
const MAX_BOOTS = 8;
const nothing = new Uint8Array(0);

export function createIngest(options: IngestOptions): Ingest {
  const { aggregate, counts } = options;
  const decode = createReportDecoder();
  const tables: ReportTable[] = [];

  /** Tables are used again, since a report's columns cost more to make than to fill. */
  const release = (table: ReportTable): void => {
    table.bytes = nothing;
    if (tables.length < MAX_KEPT_TABLES && table.reusable()) tables.push(table);
  };
  const stored = (table: ReportTable): Answer => {
    counts[aggregate.apply(table, options.now()) ? "applied" : "duplicate"]++;
    release(table);
    return { sequence: table.sequence, refused: "" };
  };
  const known = (table: ReportTable): Answer => {
    counts.duplicate++;
    release(table);
    return { sequence: table.sequence, refused: "" };
  };
  const failed = (table: ReportTable, reason: string): never => {
    counts.failed++;
    release(table);
    throw new ConnectError(`the report cannot be stored at the moment: ${reason}`, Code.Unavailable);
  };
  const store = (table: ReportTable, events: ReportEvents): Promise<Answer> =>
    events.publish(table).then(
      (published) => {
        if (!published.duplicate || options.shares.alone()) return stored(table);
        return isOurs(options.shares, events, published).then(
          (ours) => (ours ? stored(table) : known(table)),
          (error: unknown) => failed(table, reasonOf(error)),
        );
      },
      (error: unknown) => failed(table, reasonOf(error)),
    );
  const refused = (table: ReportTable, error: unknown): Answer => {
    counts.refused++;
    release(table);
    return refusal(error, table.sequence);
  };
  return {
    // Not an async function all through: each promise costs a report more than its checks do.
    async take(bytes, session) {
      const table = tables.pop() ?? new ReportTable();
      const events = options.reports();
      try {
        decode(bytes, table);
        checkReporter(table, session);
        if (events) checkSize(bytes, events);
      } catch (error) {
        return refused(table, error);
      }
      if (session.boots.size < MAX_BOOTS) session.boots.add(table.boot);
      if (aggregate.has(table)) return known(table);
      return events ? store(table, events) : failed(table, options.problem());
    },
  };
}

/**
 * Whether a report that the stream had already is ours to count: another replica may have stored it and then lost
 * the connection to the proxy before it could say so.
 */
async function isOurs(shares: ReportOwnership, events: ReportEvents, { seq }: Published): Promise<boolean> {
  return shares.has(await events.takenBy(seq));
}

/** A proxy speaks for itself alone. */
function checkReporter({ reporter }: ReportTable, session: Session): void {
  if (reporter === session.service) return;
  throw new ReportError(`the report speaks for "${reporter}", but the token proves "${session.service}"`);
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

function reasonOf(error: unknown): string {
  return error instanceof EventBusError ? `${errorMessage(error)} (${error.code})` : errorMessage(error);
}
