import type { ConnectRouter } from "@connectrpc/connect";
import type { Cancel } from "@patchbay/model";
import { Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import type { App, AppContext, Readiness } from "@patchbay/runtime";
import { createHealthRpc } from "./api/health-rpc.ts";
import { metricsText } from "./api/metrics-text.ts";
import { createReportRpc } from "./api/report-rpc.ts";
import { createReportStreams, REPORT_PATH } from "./api/report-stream.ts";
import { createStatRpc } from "./api/stat-rpc.ts";
import { addTelemetryMetrics } from "./api/telemetry-metrics.ts";
import { Aggregate } from "./core/aggregate/aggregate.ts";
import { ReportOwnership } from "./core/aggregate/report-ownership.ts";
import { Exposition } from "./core/expose/exposition.ts";
import { createIngest } from "./engine/ingest.ts";
import { createPresence } from "./engine/presence.ts";
import { createReportCounts } from "./engine/report-counts.ts";
import { createEventStore } from "./sources/event-store.ts";
import { createPeers } from "./sources/peers.ts";
import { createReplay } from "./sources/replay.ts";

const SWEEP_MS = 30_000;
/** How long a replica that starts waits for the registry, to learn of other replicas before it counts their reports. */
const REGISTRY_WAIT_MS = 3_000;
/** Streams of reports end at a random time between once and twice this. */
const STREAM_LIFE_MS = 1_800_000;

/** Reports in; Prometheus, answers, subscriptions and events out. */
export function createTelemetryApp(context: AppContext): App {
  const { self, log, clock } = context;
  const { now } = clock;
  const aggregate = new Aggregate();
  const exposition = new Exposition(aggregate);
  const shares = new ReportOwnership(self.instance);
  const store = createEventStore({ events: () => context.events(), replica: self.instance, log });
  const replay = createReplay({ aggregate, shares, log, now });
  const peers = createPeers({
    service: self.name,
    instance: self.instance,
    shares,
    registrations: (kind) => context.view.list(kind),
    at: (address) => context.at(address),
  });
  const presence = createPresence(aggregate);
  const counts = createReportCounts();
  addTelemetryMetrics(context.metrics, { aggregate, presence, counts, replayed: () => replay.count() });
  const { reports, problem } = store;
  const ingest = createIngest({ aggregate, shares, counts, reports, problem, now });
  const streams = createReportStreams({ ingest, presence, streamLifeMs: () => STREAM_LIFE_MS * (1 + Math.random()) });
  const answering = { aggregate, shares, peers, replaying: () => !replay.done(), now };
  const questions = { ...createStatRpc(answering), ...createHealthRpc(answering) };

  const catchUp = async (): Promise<void> => {
    await Promise.race([context.view.ready(), clock.pause(REGISTRY_WAIT_MS)]);
    const { bus } = await store.ready();
    await peers.learnShares();
    await replay.run(bus);
  };
  const sweep = (): void => {
    aggregate.sweep(now());
    presence.tick(now());
    exposition.forget();
  };
  let endSweep: Cancel | undefined;
  return {
    name: self.name,
    routes: (router: ConnectRouter) =>
      router.service(Telemetry, { report: createReportRpc(ingest, presence), ...questions }),
    streams: new Map([[REPORT_PATH, streams.handler]]),
    async start() {
      endSweep = clock.every(SWEEP_MS, sweep);
      catchUp().catch((error: unknown) => log.debug({ error }, "stopped before the replay of reports"));
    },
    async stop() {
      endSweep?.();
      replay.stop();
      store.stop();
      await Promise.race([streams.drain(), clock.pause(context.settings.drainMs)]);
    },
    readiness: () => readinessOf(store.problem(), replay.done() ? undefined : replay.count()),
    metrics: (format) => metricsText(exposition, format, now()),
  };
}

function readinessOf(problem: string, replayed: number | undefined): Readiness {
  if (problem !== "") return { ready: false, reason: problem };
  if (replayed === undefined) return { ready: true, reason: "" };
  return { ready: false, reason: `reading the last hour of reports; ${replayed} so far, more are taken meanwhile` };
}
