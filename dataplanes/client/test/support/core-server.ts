import type { ConnectRouter } from "@connectrpc/connect";
import { createTokenCheck, type RunningServer, serve } from "@patchbay/runtime";
import { type ClosableTransport, createTokenSource, createTransport, noLog } from "@patchbay/wire";

export const KEY = new Uint8Array(32).fill(7);

/** Serves the given RPCs as a core service does: real port, real tokens. */
export function serveCore(routes: (router: ConnectRouter) => void, port = 0): Promise<RunningServer> {
  return serve({
    apps: [
      {
        name: "core",
        routes,
        start: () => Promise.resolve(),
        stop: () => Promise.resolve(),
        readiness: () => ({ ready: true, reason: "" }),
      },
    ],
    check: createTokenCheck({ key: KEY, operatorToken: undefined }),
    log: noLog,
    metrics: () => Promise.resolve(""),
    port,
    drainMs: 0,
  });
}

/** As the sidecar of `name` would call. */
export function proxyTransport(address: string, name = "web"): ClosableTransport {
  const token = createTokenSource(KEY, { kind: "proxy", namespace: "default", name, instance: "test-1" });
  return createTransport({ address, token });
}
