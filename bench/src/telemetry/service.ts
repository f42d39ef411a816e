import { create } from "@bufbuild/protobuf";
import { WatchResponseSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import {
  createContext,
  createTokenCheck,
  createViewTable,
  developmentSettings,
  lazyEvents,
  readEnvironment,
  serve,
} from "@patchbay/runtime";
import { createTelemetryApp } from "@patchbay/telemetry";
import { connectEvents, mintToken, noLog } from "@patchbay/wire";
import { childOptions, ready } from "../harness.ts";

// The service as it runs in a mesh: authentication, checks, events, aggregate; only the registry is played.
const { natsUrl } = childOptions<{ natsUrl: string }>();
const key = new Uint8Array(32).fill(5);
const view = createViewTable();
view.apply(create(WatchResponseSchema, { reset: true, complete: true }));
const events = lazyEvents(() => connectEvents({ servers: natsUrl, name: "telemetry", log: noLog }));
const context = createContext({
  name: "telemetry",
  instance: "bench",
  environment: readEnvironment({ MESH_NATS_URL: natsUrl }),
  key,
  registry: {
    unary: () => Promise.reject(new Error("no registry")),
    stream: () => Promise.reject(new Error("no registry")),
  },
  view: { ...view, ready: async () => undefined, stop: () => undefined },
  events: events.events,
  settings: developmentSettings,
  log: noLog,
});
const app = createTelemetryApp(context);
const { port } = await serve({
  apps: [app],
  check: createTokenCheck({ key }),
  log: noLog,
  metrics: async () => "",
  drainMs: 0,
});
await app.start();
while (!app.readiness().ready) await new Promise((resolve) => setTimeout(resolve, 10));
const expiresAt = Date.now() + 3_600_000;
const token = mintToken(key, { kind: "proxy", namespace: "default", name: "web", instance: "bench", expiresAt });
ready({ port, token });
