import { createTokenSource } from "@patchbay/wire";
import { createLocalHost } from "../../src/host/local-host.ts";
import type { Plugin, ServeOptions } from "../../src/index.ts";
import { createLogObserver } from "../../src/serve/log-observer.ts";
import type { MeshAccess } from "../../src/serve/mesh-access.ts";
import { type ServedHost, serveHost } from "../../src/serve/serve-host.ts";
import { createTestLog } from "../../src/test/test-log.ts";

export interface ServingOptions extends Pick<ServeOptions, "config"> {
  readonly key: Uint8Array;
  readonly address: string;
  readonly drainMs?: number;
}

/** Serves a plugin to a test's registry, with a log that the test can read. */
export async function serveForTest(plugin: Plugin, { key, address, config, drainMs = 500 }: ServingOptions) {
  const log = createTestLog();
  const claims = { kind: "plugin", namespace: "default", name: plugin.name, instance: "test-1" } as const;
  const access: MeshAccess = {
    namespace: "default",
    instance: "test-1",
    locate: async () => address,
    token: createTokenSource(key, claims),
  };
  const served: ServedHost = await serveHost({
    host: createLocalHost(plugin, log),
    access,
    bind: { host: "127.0.0.1", port: 0 },
    config,
    drainMs,
    log,
    observer: createLogObserver(log),
  });
  return Object.assign(served, { lines: log.lines });
}
