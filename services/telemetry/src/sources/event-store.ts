import { errorMessage, keepStream } from "@patchbay/model";
import { type EventBus, type Log, STREAMS, systemClock } from "@patchbay/wire";
import { createReportEvents, type ReportEvents } from "./report-events.ts";

export interface EventStoreOptions {
  /** The core's NATS connection. */
  events(): Promise<EventBus>;
  readonly replica: string;
  readonly log: Log;
}

interface OpenStore {
  readonly bus: EventBus;
  readonly reports: ReportEvents;
}

export interface EventStore {
  /** Where reports are stored; undefined until the stream is there. */
  reports(): ReportEvents | undefined;
  /** Settles when there is somewhere to store reports. Rejects only when stopped. */
  ready(): Promise<OpenStore>;
  /** Why nothing can be stored now; empty when it can. */
  problem(): string;
  stop(): void;
}

/** Waits for NATS and for the stream of reports, which the registry creates. */
export function createEventStore({ events, replica, log }: EventStoreOptions): EventStore {
  const ready = Promise.withResolvers<OpenStore>();
  let problem = "waiting for the connection to NATS";
  let opened: OpenStore | undefined;
  const stream = keepStream({
    async *connect() {
      const bus = await events();
      const { config } = await bus.admin().streams.info(STREAMS.report);
      const limit = config.max_msg_size > 0 ? config.max_msg_size : Number.POSITIVE_INFINITY;
      yield { bus, reports: createReportEvents(bus, replica, limit) };
    },
    onMessage(store: OpenStore) {
      opened = store;
      ready.resolve(store);
      stream.stop();
    },
    onDown(error) {
      problem = `the stream ${STREAMS.report}, which the registry creates, is not there: ${errorMessage(error)}`;
      log.debug({ reason: problem }, "reports cannot be stored yet");
    },
    backoff: { minMs: 100, maxMs: 2_000 },
    clock: systemClock,
  });
  void stream.stopped.then(() => ready.reject(new Error("stopped")));
  ready.promise.catch(() => undefined);
  return {
    reports: () => opened?.reports,
    ready: () => ready.promise,
    problem() {
      if (opened === undefined) return problem;
      return opened.bus.connected()
        ? ""
        : "the connection to NATS is lost; reports wait in the proxies until it is back";
    },
    stop: stream.stop,
  };
}
