import { join } from "node:path";
import { DefaultAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { App, AppContext } from "@patchbay/runtime";
import { createExplain } from "./api/explain.ts";
import { createFollowStreams } from "./api/follow-stream.ts";
import { createRoutes } from "./api/routes.ts";
import { createStatus } from "./api/status.ts";
import { createPolicyIndex } from "./core/policy-index.ts";
import { createHookCalls } from "./engine/hooks/hook-calls.ts";
import { watchObjectives } from "./engine/objective-watch.ts";
import { createSubscribers, proxyId, type Subscribers } from "./engine/subscribers.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { createProxyLimitsClient } from "./sources/proxy-limits-client.ts";
import { createWorkloadLookup, type WorkloadLookup } from "./sources/workload-lookup.ts";
import { type WrittenResources, watchWrittenResources } from "./sources/written-resources.ts";

/** Sends every proxy the policies that it enforces, and explains them to people. */
export function createPolicyApp(context: AppContext): App {
  const defaultAction = context.defaultAuthorization === "deny" ? DefaultAction.DENY : DefaultAction.ALLOW;
  const book = createPolicyIndex(defaultAction);
  const neighbours = createWorkloadLookup(context.view);
  let written: WrittenResources | undefined;
  const metrics: Metrics = createMetrics(context.metrics, {
    kinds: () => book.all().map(({ ref }) => ref.kind),
    followers: () => followers.list().length,
    problems: () => written?.problems().length ?? 0,
  });
  const { followers, streams, stop } = createTelling(context, { book, neighbours, metrics: () => metrics });
  const hooks = createHookCalls(context, book);
  const objectives = watchObjectives(context);
  const inspector = createProxyLimitsClient({ neighbours, token: () => context.token() });
  const stops = [stop, hooks.stop, objectives.stop];
  return {
    name: "policy",
    routes: createRoutes({
      followers,
      hooks,
      explain: createExplain({ book, inspector }),
      listObjectives: () => ({ objectives: objectives.list() }),
      status: createStatus({ defaultAction, book, followers, neighbours, written: () => written }),
    }),
    streams: new Map([["/mesh.policy.v1.Policy/Watch", streams.handler]]),
    async start() {
      written = await watchWrittenResources({
        source: context.resources,
        memory: join(context.stateDir, "policy", "last-good.json"),
        log: context.log,
        onChange(resources) {
          followers.changed(book.replace(resources));
          objectives.update(book.all());
        },
      });
      stops.push(written.stop);
      followers.start();
    },
    async stop() {
      for (const each of stops.splice(0)) each();
    },
    readiness: () => ({ ready: written !== undefined, reason: written ? "" : "the resources have not been read yet" }),
  };
}

interface Telling {
  readonly book: ReturnType<typeof createPolicyIndex>;
  readonly neighbours: WorkloadLookup;
  metrics(): Metrics;
}

/** The proxies that follow, and their streams. */
function createTelling({ settings, view, clock: { now } }: AppContext, { book, neighbours, metrics }: Telling) {
  const followers = createSubscribers({
    book,
    namePolicies: settings.nameRefusals,
    now,
    onPushed: () => metrics().pushes.inc(),
    onAck: (refused) => (refused ? metrics().refusals : metrics().acks).inc(),
  });
  const streams = createFollowStreams({
    followers,
    stuckReaderMs: settings.stuckReaderMs,
    now,
    onStuck: () => metrics().stuckReaders.inc(),
  });
  const unsubscribe = view.subscribe(({ removed }) => {
    if (removed.length > 0) forgetGone(followers, neighbours);
  });
  return {
    followers,
    streams,
    stop() {
      streams.stop();
      unsubscribe();
    },
  };
}

function forgetGone(followers: Subscribers, neighbours: WorkloadLookup): void {
  const known = new Set(neighbours.proxies().map((proxy) => proxyId({ ...proxy, name: proxy.workload })));
  followers.forget((proxy) => known.has(proxy));
}
