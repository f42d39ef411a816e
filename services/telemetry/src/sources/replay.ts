import { createBackoff, errorMessage, pause } from "@patchbay/model";
import { type EventBus, type Log, type ReplayedEvent, STREAMS } from "@patchbay/wire";
import type { Aggregate } from "../core/aggregate/aggregate.ts";
import type { ReportOwnership } from "../core/aggregate/report-ownership.ts";
import { LONGEST_WINDOW_MS } from "../core/aggregate/windows.ts";
import { createReportDecoder } from "../core/decode/report-decoder.ts";
import { ReportTable } from "../core/decode/report-table.ts";
import { REPLICA_HEADER } from "./report-events.ts";

export interface ReplayOptions {
  readonly aggregate: Aggregate;
  readonly shares: ReportOwnership;
  readonly log: Log;
  now(): number;
}

export interface Replay {
  /** Reads the last hour of stored reports into the aggregate; tries until it has or is stopped. */
  run(bus: EventBus): Promise<void>;
  done(): boolean;
  /** Reports read so far. */
  count(): number;
  stop(): void;
}

/** Gives a replica that starts what was reported before: its own share of the stream, each report once. */
export function createReplay({ aggregate, shares, log, now }: ReplayOptions): Replay {
  const stopping = new AbortController();
  const decode = createReportDecoder();
  const table = new ReportTable();
  let count = 0;
  let done = false;

  const take = ({ data, time, headers, seq }: ReplayedEvent): void => {
    count++;
    if (!shares.claim(headers.get(REPLICA_HEADER) ?? "")) return;
    try {
      decode(data, table);
    } catch (error) {
      // Whoever stored it could decode it: another version, or somebody else's event.
      return log.debug({ seq, reason: errorMessage(error) }, "a stored report cannot be read; left out");
    }
    aggregate.apply(table, time);
  };
  const readAll = async (bus: EventBus): Promise<void> => {
    const since = new Date(now() - LONGEST_WINDOW_MS);
    await bus.replay({ stream: STREAMS.report, since, onMessage: take, signal: stopping.signal });
  };
  return {
    async run(bus) {
      const backoff = createBackoff({ minMs: 100, maxMs: 2_000 });
      while (!done && !stopping.signal.aborted) {
        try {
          await readAll(bus);
          shares.settle();
          done = true;
        } catch (error) {
          log.debug({ reason: errorMessage(error), count }, "the replay of reports was interrupted; beginning again");
          await pause(backoff.next(), stopping.signal);
        }
      }
      if (done) log.info({ reports: count }, "replayed the last hour of reports");
    },
    done: () => done,
    count: () => count,
    stop: () => stopping.abort(),
  };
}
