import { pause } from "@patchbay/model";
import { Tap } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import type { App, AppContext } from "@patchbay/runtime";
import { Counter, Gauge } from "prom-client";
import { createWatches, WATCH_PATH } from "./api/watch.ts";
import { createDialler } from "./sources/dialler.ts";

/** Live selections of single requests: the proxies select, this service merges, limits and says who has looked. */
export function createTapApp(context: AppContext): App {
  const { metrics } = context;
  const dialler = createDialler(() => context.token());
  const requests = new Counter({ name: "mesh_tap_requests_total", help: "Requests shown.", registers: [metrics] });
  const dropped = new Counter({ name: "mesh_tap_dropped_total", help: "Requests not shown.", registers: [metrics] });
  const watches = createWatches({
    context,
    dialler,
    onEnd(summary) {
      requests.inc(summary.requests);
      dropped.inc(Number(summary.dropped));
    },
  });
  new Gauge({
    name: "mesh_taps",
    help: "Taps that run at this moment.",
    registers: [metrics],
    collect() {
      this.set(watches.count());
    },
  });
  return {
    name: context.self.name,
    // Watch is answered on the HTTP/2 stream itself.
    routes: (router) => router.service(Tap, {}),
    streams: new Map([[WATCH_PATH, watches.handler]]),
    start: () => Promise.resolve(),
    async stop() {
      await Promise.race([watches.stop(), pause(context.settings.drainMs)]);
      dialler.close();
    },
    readiness: () => ({ ready: true, reason: "" }),
  };
}
