import type { ServiceImpl } from "@connectrpc/connect";
import { Proxy as ProxyService } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { type App, createTokenCheck, type RunningServer, serve } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import type { Taps } from "../sources/taps.ts";
import { createObserve, OBSERVE_PATH } from "./observe.ts";

export interface AdminOptions {
  readonly key: Uint8Array;
  readonly taps: Pick<Taps, "open">;
  /** Methods other than Observe. */
  readonly routes?: Partial<ServiceImpl<typeof ProxyService>>;
  readonly log: Log;
}

/** What a sidecar answers to core services, on loopback. */
export interface Admin {
  /** "host:port"; empty before it listens. */
  readonly address: string;
  /** Takes a free port. */
  start(): Promise<void>;
  stop(): void;
}

const HOST = "127.0.0.1";

export function createAdmin({ key, taps, routes = {}, log }: AdminOptions): Admin {
  const app: App = {
    name: "proxy",
    routes: (router) => router.service(ProxyService, routes),
    streams: new Map([[OBSERVE_PATH, createObserve(taps)]]),
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    readiness: () => ({ ready: true, reason: "" }),
  };
  let server: RunningServer | undefined;
  let stopped = false;
  return {
    get address() {
      return server === undefined ? "" : `${HOST}:${server.port}`;
    },
    async start() {
      const check = createTokenCheck({ key });
      server = await serve({ apps: [app], check, log, metrics: () => Promise.resolve(""), host: HOST, drainMs: 0 });
      if (stopped) await server.stop();
    },
    stop() {
      stopped = true;
      void server?.stop();
    },
  };
}
