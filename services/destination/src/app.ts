import { isLoopback } from "@patchbay/model";
import { createPluginCalls } from "@patchbay/plugin-calls";
import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { App, AppContext } from "@patchbay/runtime";
import { createQuota } from "./api/quota.ts";
import { createResolveStreams } from "./api/resolve-stream.ts";
import { createRoutes } from "./api/routes.ts";
import { createPublisher } from "./engine/publisher.ts";
import { createWatches, type Watches } from "./engine/watches.ts";
import { createMetrics } from "./metrics.ts";
import { createDns } from "./sources/dns.ts";
import { createDnsLookup } from "./sources/dns-lookup.ts";
import { watchPluginResolvers } from "./sources/plugin-resolvers.ts";
import type { Resolver } from "./sources/resolver.ts";
import { watchStaticServices } from "./sources/static-services.ts";
import { createWorkloads } from "./sources/workloads.ts";

/** Answers what serves an authority, by the resolver chain. */
export function createDestinationApp(context: AppContext): App {
  const { settings, log, clock } = context;
  const { now } = clock;
  const metrics = createMetrics(context.metrics, () => watches);
  const publisher = createPublisher({
    events: () => context.events(),
    instance: context.self.instance,
    log,
    now,
    onPublished: () => metrics.eventsPublished.inc(),
    onDropped: (reason) => metrics.eventsDropped.inc({ reason }),
  });
  const watches: Watches = createWatches({
    settings,
    log,
    now,
    onChange: (_authority, update) => publisher.changed(update.message),
  });
  const quota = createQuota(settings.maxWatchesPerClient);
  const streams = createResolveStreams({
    watches,
    quota,
    stuckReaderMs: settings.stuckReaderMs,
    now,
    onStuck: () => metrics.stuckReaders.inc(),
    onSent: () => metrics.updatesSent.inc(),
  });
  const sources = createSources(context, { watches, metrics });
  return {
    name: "destination",
    routes: createRoutes({ watches, quota, now }),
    streams: new Map([["/mesh.destination.v1.Destination/Resolve", streams.handler]]),
    start: () => sources.start(),
    async stop() {
      streams.stop();
      sources.stop();
      watches.stop();
    },
    readiness: () => sources.readiness(),
  };
}

interface Sources {
  start(): Promise<void>;
  stop(): void;
  readiness(): { ready: boolean; reason: string };
}

interface Parts {
  readonly watches: Watches;
  readonly metrics: ReturnType<typeof createMetrics>;
}

/** The resolvers of the chain: three that are built in, and those of plugins. */
function createSources(context: AppContext, { watches, metrics }: Parts): Sources {
  const { view, settings, log } = context;
  const stops: (() => void)[] = [];
  let seen = false;
  return {
    async start() {
      void view.ready().then(() => {
        seen = true;
      });
      const ports = rememberPorts(context);
      const workloads = createWorkloads({ view, settings });
      const statics = await watchStaticServices({ resources: context.resources, settings, log });
      const fixed: readonly Resolver[] = [workloads, statics, createDnsResolver(context, ports)];
      const calls = createPluginCalls(context, ["resolve"]);
      const plugins = watchPluginResolvers({
        calls,
        staleForMs: settings.staleForMs,
        controlPlanePorts: ports,
        onViolation: (resolver, rule) => metrics.violations.inc({ resolver, rule }),
        onChange: (resolvers) => watches.setResolvers([...fixed, ...resolvers]),
      });
      stops.push(plugins.stop, calls.stop, statics.stop, workloads.stop);
    },
    stop() {
      for (const stop of stops.splice(0)) stop();
    },
    readiness: () => ({ ready: seen, reason: seen ? "" : "the registry has not been heard yet" }),
  };
}

/** Caches the ports: they are needed for every answer of every plugin, and change only with a core service. */
function rememberPorts({ view, controlPlanePorts }: AppContext): () => ReadonlySet<number> {
  let ports: ReadonlySet<number> | undefined;
  view.subscribe(({ changed, removed }) => {
    if (removed.length > 0 || changed.some(({ announce }) => announce?.kind === Kind.CORE)) ports = undefined;
  });
  return () => {
    ports ??= controlPlanePorts();
    return ports;
  };
}

const DNS_TIMEOUT_MS = 1_000;
const DNS_TIMES = {
  minTtlMs: 5_000,
  maxTtlMs: 300_000,
  retryMinMs: 250,
  retryMaxMs: 5_000,
  // RFC 8767 §5: serve stale data for 1 to 3 days while the server fails. NXDOMAIN is an answer and takes effect at once.
  staleForMs: 24 * 3_600_000,
};

function createDnsResolver({ settings, clock }: AppContext, controlPlanePorts: () => ReadonlySet<number>): Resolver {
  return createDns({
    lookup: createDnsLookup({ timeoutMs: DNS_TIMEOUT_MS, defaultTtlMs: DNS_TIMES.minTtlMs }),
    deadlineMs: settings.resolveDeadlineMs,
    ...DNS_TIMES,
    clock,
    forbids: (ip, port) => (isLoopback(ip) && controlPlanePorts().has(port) ? "the control plane's own" : undefined),
  });
}
