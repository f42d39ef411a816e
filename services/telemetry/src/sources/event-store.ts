import { createBackoff, errorMessage, pause } from "@patchbay/model";
import { type EventBus, type Log, STREAMS } from "@patchbay/wire";
import { createReportEvents, type ReportEvents } from "./report-events.ts";

export interface EventStoreOptions {
  /** The core's NATS connection. */
  events(): Promise<EventBus>;
  readonly replica: string;
  readonly log: Log;
}

export interface EventStore {
  /** Where reports are stored; undefined until the stream is there. */
  reports(): ReportEvents | undefined;
  /** Settles when there is somewhere to store reports. Rejects only when stopped. */
  ready(): Promise<{ readonly bus: EventBus; readonly reports: ReportEvents }>;
  /** Why nothing can be stored now; empty when it can. */
  problem(): string;
  stop(): void;
}

/** Waits for NATS and for the stream of reports, which the registry creates. */
export function createEventStore({ events, replica, log }: EventStoreOptions): EventStore {
  const stopping = new AbortController();
  let problem = "waiting for the connection to NATS";
  let opened: { bus: EventBus; reports: ReportEvents } | undefined;

  const open = async (): Promise<{ bus: EventBus; reports: ReportEvents }> => {
    const backoff = createBackoff({ minMs: 100, maxMs: 2_000 });
    while (!stopping.signal.aborted) {
      try {
        const bus = await events();
        const { config } = await bus.admin().streams.info(STREAMS.report);
        const limit = config.max_msg_size > 0 ? config.max_msg_size : Number.POSITIVE_INFINITY;
        opened = { bus, reports: createReportEvents(bus, replica, limit) };
        return opened;
      } catch (error) {
        problem = `the stream ${STREAMS.report}, which the registry creates, is not there: ${errorMessage(error)}`;
        log.debug({ reason: problem }, "reports cannot be stored yet");
        await pause(backoff.next(), stopping.signal);
      }
    }
    throw new Error("stopped");
  };
  const ready = open();
  ready.catch(() => undefined);
  return {
    reports: () => opened?.reports,
    ready: () => ready,
    problem() {
      if (!opened) return problem;
      return opened.bus.connected()
        ? ""
        : "the connection to NATS is lost; reports wait in the proxies until it is back";
    },
    stop: () => stopping.abort(),
  };
}
