import type { ConnectRouter } from "@connectrpc/connect";
import type { RunningServer } from "@patchbay/runtime";
import { appOf, serveApp, transportAs } from "@patchbay/testkit";
import type { ClosableTransport } from "@patchbay/wire";

/** Serves the given RPCs as a core service does. */
export function serveCore(routes: (router: ConnectRouter) => void, port = 0): Promise<RunningServer> {
  return serveApp(appOf("core", { routes }), { port });
}

/** As the sidecar of `name` would call. */
export function proxyTransport(address: string, name = "web"): ClosableTransport {
  return transportAs(address, { kind: "proxy", name });
}
