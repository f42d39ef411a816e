import { join } from "node:path";
import { DefaultAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { App, AppContext } from "@patchbay/runtime";
import { createExplain } from "./api/explain.ts";
import { createFollowStreams } from "./api/follow-stream.ts";
import { createRoutes } from "./api/routes.ts";
import { createStatus } from "./api/status.ts";
import { createBook } from "./core/book.ts";
import { createFollowers, type Followers, proxyId } from "./followers.ts";
import { createMetrics } from "./metrics.ts";
import { watchObjectives } from "./objective-watch.ts";
import { createPluginCalls } from "./plugin-calls.ts";
import { createInspector } from "./sources/inspector.ts";
import { createNeighbours } from "./sources/neighbours.ts";
import { type ResourceFiles, watchResourceFiles } from "./sources/resource-files.ts";

/** Tells every proxy what it has to enforce, and people why. */
export function createPolicyApp(context: AppContext): App {
  const { settings, view, log, now } = context;
  const defaultAction = context.defaultAuthorization === "deny" ? DefaultAction.DENY : DefaultAction.ALLOW;
  const book = createBook(defaultAction);
  const neighbours = createNeighbours(view);
  let files: ResourceFiles | undefined;
  const metrics = createMetrics(context.metrics, {
    kinds: () => book.all().map(({ ref }) => ref.kind),
    followers: () => followers.list().length,
    problems: () => files?.problems().length ?? 0,
  });
  const followers: Followers = createFollowers({
    book,
    namePolicies: settings.nameRefusals,
    now,
    onPushed: () => metrics.pushes.inc(),
    onAck: (refused) => (refused ? metrics.refusals : metrics.acks).inc(),
  });
  const streams = createFollowStreams({
    followers,
    stuckReaderMs: settings.stuckReaderMs,
    now,
    onStuck: () => metrics.stuckReaders.inc(),
  });
  const unsubscribe = view.subscribe(({ removed }) => {
    if (removed.length > 0)
      forgetGone(
        followers,
        neighbours.proxies().map((proxy) => proxyId({ ...proxy, name: proxy.workload })),
      );
  });
  const hooks = createPluginCalls(context, book);
  const objectives = watchObjectives(context);
  const inspector = createInspector({ neighbours, token: () => context.token() });
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
        log,
        onChange(resources) {
          followers.changed(book.replace(resources));
          objectives.update(resources);
        },
      });
      followers.start();
    },
    async stop() {
      streams.stop();
      unsubscribe();
      files?.stop();
      hooks.stop();
      objectives.stop();
    },
    readiness: () => ({ ready: files !== undefined, reason: files ? "" : "the resource files have not been read yet" }),
  };
}

function forgetGone(followers: Followers, known: readonly string[]): void {
  const ids = new Set(known);
  followers.forget((proxy) => ids.has(proxy));
}
