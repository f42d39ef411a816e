import type { Transport } from "@connectrpc/connect";
import { type App, createInProcessTransport, createTokenCheck, type RunningServer, serve } from "@patchbay/runtime";
import { noLog } from "@patchbay/wire";
import { TEST_KEY, type TestCaller, testToken } from "./test-token.ts";

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

const check = createTokenCheck({ key: TEST_KEY });

export interface ServeAppOptions {
  /** Default: a free one. */
  readonly port?: number;
  readonly drainMs?: number;
  metrics?(): Promise<string>;
}

/** Serves an app as a core service does: a real port, real tokens. */
export function serveApp(app: App, options: ServeAppOptions = {}): Promise<RunningServer> {
  const { port = 0, drainMs = 0, metrics = async () => "" } = options;
  return serve({ apps: [app], check, log: noLog, metrics, port, drainMs });
}

/** Calls an app in its own process, as this caller. */
export function localTransport(app: App, caller: TestCaller): Transport {
  return createInProcessTransport({ app, check, token: () => testToken(caller) });
}
