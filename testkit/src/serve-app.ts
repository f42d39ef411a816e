import { type App, createTokenCheck, type RunningServer, serve } from "@patchbay/runtime";
import { noLog } from "@patchbay/wire";
import { TEST_KEY } from "./test-token.ts";

/** An app that is ready and does nothing but what is given. */
export function appOf(name: string, more: Partial<App> = {}): App {
  return {
    name,
    routes: () => undefined,
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    readiness: () => ({ ready: true, reason: "" }),
    ...more,
  };
}

export interface ServeAppOptions {
  /** Default: a free one. */
  readonly port?: number;
  readonly drainMs?: number;
  metrics?(): Promise<string>;
}

/** Serves an app as a core service does: a real port, real tokens. */
export function serveApp(app: App, options: ServeAppOptions = {}): Promise<RunningServer> {
  const { port = 0, drainMs = 0, metrics = async () => "" } = options;
  return serve({ apps: [app], check: createTokenCheck({ key: TEST_KEY }), log: noLog, metrics, port, drainMs });
}
