import { join } from "node:path";
import { DefaultAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { App, AppContext } from "@patchbay/runtime";
import { createExplain } from "./api/explain.ts";
import { createFollowStreams } from "./api/follow-stream.ts";
import { createRoutes } from "./api/routes.ts";
import { createStatus } from "./api/status.ts";
import { createPolicyIndex } from "./core/policy-index.ts";
import { createHookCalls } from "./engine/hooks/hook-calls.ts";
import { createObjectives } from "./engine/objectives.ts";
import { createSubscribers, proxyId, type Subscribers } from "./engine/subscribers.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { createObjectiveEvents } from "./sources/objective-events.ts";
import { createProxyLimitsClient } from "./sources/proxy-limits-client.ts";
import { createWorkloadLookup, type WorkloadLookup } from "./sources/workload-lookup.ts";
import { type WrittenResources, watchWrittenResources } from "./sources/written-resources.ts";

/** Sends every proxy the policies that it enforces, and explains them to people. */
export function createPolicyApp(context: AppContext): App {
  const { log, clock } = context;
  const defaultAction = context.defaultAuthorization === "deny" ? DefaultAction.DENY : DefaultAction.ALLOW;
  const policyIndex = createPolicyIndex(defaultAction);
  const workloadLookup = createWorkloadLookup(context.view);
  let written: WrittenResources | undefined;
  const metrics: Metrics = createMetrics(context.metrics, {
    kinds: () => policyIndex.all().map(({ ref }) => ref.kind),
    subscribers: () => subscribers.list().length,
    problems: () => written?.problems().length ?? 0,
  });
  const { subscribers, streams, stop } = createPolicyStreams(context, {
    policyIndex,
    workloadLookup,
    metrics: () => metrics,
  });
  const hooks = createHookCalls(context, policyIndex);
  const objectives = createObjectives({
    telemetry: context.locate("telemetry"),
    onChange: createObjectiveEvents({ events: () => context.events(), log }),
    log,
    clock,
  });
  const inspector = createProxyLimitsClient({ workloadLookup, token: () => context.token() });
  const stops = [stop, hooks.stop, objectives.stop];
  return {
    name: "policy",
    routes: createRoutes({
      subscribers,
      hooks,
      explain: createExplain({ policyIndex, inspector }),
      listObjectives: () => ({ objectives: objectives.list() }),
      status: createStatus({ defaultAction, policyIndex, subscribers, workloadLookup, written: () => written }),
    }),
    streams: new Map([["/mesh.policy.v1.Policy/Watch", streams.handler]]),
    async start() {
      written = await watchWrittenResources({
        source: context.resources,
        memory: join(context.stateDir, "policy", "last-good.json"),
        log,
        onChange(resources) {
          subscribers.changed(policyIndex.replace(resources));
          objectives.update(policyIndex.all().flatMap(({ part }) => part.objective ?? []));
        },
      });
      stops.push(written.stop);
      subscribers.start();
    },
    async stop() {
      for (const each of stops.splice(0)) each();
    },
    readiness: () => ({ ready: written !== undefined, reason: written ? "" : "the resources have not been read yet" }),
  };
}

interface PolicyStreamsOptions {
  readonly policyIndex: ReturnType<typeof createPolicyIndex>;
  readonly workloadLookup: WorkloadLookup;
  metrics(): Metrics;
}

/** The streams of proxies that follow policies. */
function createPolicyStreams(
  { settings, view, clock: { now } }: AppContext,
  { policyIndex, workloadLookup, metrics }: PolicyStreamsOptions,
) {
  const subscribers = createSubscribers({
    policyIndex,
    namePolicies: settings.nameRefusals,
    now,
    onPushed: () => metrics().pushes.inc(),
    onAck: (refused) => (refused ? metrics().refusals : metrics().acks).inc(),
  });
  const streams = createFollowStreams({
    subscribers,
    stuckReaderMs: settings.stuckReaderMs,
    now,
    onStuck: () => metrics().stuckReaders.inc(),
  });
  const unsubscribe = view.subscribe(({ removed }) => {
    if (removed.length > 0) forgetGone(subscribers, workloadLookup);
  });
  return {
    subscribers,
    streams,
    stop() {
      streams.stop();
      unsubscribe();
    },
  };
}

function forgetGone(subscribers: Subscribers, workloadLookup: WorkloadLookup): void {
  const known = new Set(workloadLookup.proxies().map((proxy) => proxyId({ ...proxy, name: proxy.workload })));
  subscribers.forget((proxy) => known.has(proxy));
}
