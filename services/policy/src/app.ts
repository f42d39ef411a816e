import { join } from "node:path";
import { DefaultAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { App, AppContext } from "@patchbay/runtime";
import { createExplain } from "./api/explain.ts";
import { createFollowStreams } from "./api/follow-stream.ts";
import { createRoutes } from "./api/routes.ts";
import { createStatus } from "./api/status.ts";
import { createBook } from "./core/book.ts";
import { createFollowers, type Followers, proxyId } from "./followers.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { watchObjectives } from "./objective-watch.ts";
import { createPluginCalls } from "./plugin-calls.ts";
import { createInspector } from "./sources/inspector.ts";
import { createNeighbours, type Neighbours } from "./sources/neighbours.ts";
import { type ResourceFiles, watchResourceFiles } from "./sources/resource-files.ts";

/** Tells every proxy what it has to enforce, and people why. */
export function createPolicyApp(context: AppContext): App {
  const defaultAction = context.defaultAuthorization === "deny" ? DefaultAction.DENY : DefaultAction.ALLOW;
  const book = createBook(defaultAction);
  const neighbours = createNeighbours(context.view);
  let files: ResourceFiles | undefined;
  const metrics: Metrics = createMetrics(context.metrics, {
    kinds: () => book.all().map(({ ref }) => ref.kind),
    followers: () => followers.list().length,
    problems: () => files?.problems().length ?? 0,
  });
  const { followers, streams, stop } = createTelling(context, { book, neighbours, metrics: () => metrics });
  const hooks = createPluginCalls(context, book);
  const objectives = watchObjectives(context);
  const inspector = createInspector({ neighbours, token: () => context.token() });
  const stops = [stop, hooks.stop, objectives.stop];
  return {
    name: "policy",
    routes: createRoutes({
      followers,
      hooks,
      explain: createExplain({ book, inspector }),
      listObjectives: () => ({ objectives: objectives.list() }),
      status: createStatus({ defaultAction, book, followers, neighbours, files: () => files }),
    }),
    streams: new Map([["/mesh.policy.v1.Policy/Follow", streams.handler]]),
    async start() {
      files = await watchResourceFiles({
        dir: context.resourcesDir,
        memory: join(context.stateDir, "policy", "last-good.json"),
        log: context.log,
        onChange(resources) {
          followers.changed(book.replace(resources));
          objectives.update(resources);
        },
      });
      stops.push(files.stop);
      followers.start();
    },
    async stop() {
      for (const each of stops.splice(0)) each();
    },
    readiness: () => ({ ready: files !== undefined, reason: files ? "" : "the resource files have not been read yet" }),
  };
}

interface Telling {
  readonly book: ReturnType<typeof createBook>;
  readonly neighbours: Neighbours;
  metrics(): Metrics;
}

/** The proxies that follow, and their streams. */
function createTelling({ settings, view, now }: AppContext, { book, neighbours, metrics }: Telling) {
  const followers = createFollowers({
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

function forgetGone(followers: Followers, neighbours: Neighbours): void {
  const known = new Set(neighbours.proxies().map((proxy) => proxyId({ ...proxy, name: proxy.workload })));
  followers.forget((proxy) => known.has(proxy));
}
