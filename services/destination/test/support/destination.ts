import { create } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { Destination } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import {
  type Registration,
  type WatchResponse,
  WatchResponseSchema,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import {
  type App,
  createContext,
  createInProcessTransport,
  createTokenCheck,
  createViewTable,
  developmentSettings,
  readEnvironment,
  type Settings,
  serve,
} from "@patchbay/runtime";
import { temporaryDir } from "@patchbay/testkit";
import { type CallerKind, createTransport, type EventBus, mintToken, noLog } from "@patchbay/wire";
import { createDestinationApp } from "../../src/app.ts";

export const key = new Uint8Array(32).fill(3);

export interface RunningDestination extends AsyncDisposable {
  readonly address: string;
  readonly app: App;
  readonly resourcesDir: string;
  readonly client: Client<typeof Destination>;
  /** Calls the app in its own process. */
  readonly local: Transport;
  token(kind?: CallerKind, name?: string): string;
  /** What the registry says next. */
  registry(message: WatchResponse): void;
  metric(name: string): Promise<number>;
}

export interface DestinationOptions {
  readonly settings?: Partial<Settings>;
  readonly registrations?: readonly Registration[];
  readonly complete?: boolean;
  events?(): Promise<EventBus>;
}

/** The service on a port of its own, with a registry that the test plays. */
export async function startDestination(options: DestinationOptions = {}): Promise<RunningDestination> {
  const dir = await temporaryDir();
  const settings: Settings = { ...developmentSettings, lingerMs: 50, ...options.settings };
  const table = createViewTable();
  const environment = readEnvironment({ MESH_STATE_DIR: dir.path });
  const context = createContext({
    name: "destination",
    instance: "one",
    environment,
    key,
    registry: nobody,
    view: { ...table, ready: async () => undefined, stop: () => undefined },
    events: options.events ?? (() => Promise.reject(new Error("no NATS in this test"))),
    settings,
    log: noLog,
  });
  table.apply(
    create(WatchResponseSchema, {
      reset: true,
      complete: options.complete ?? true,
      changed: [...(options.registrations ?? [])],
    }),
  );
  const app = createDestinationApp(context);
  const check = createTokenCheck({ key });
  const server = await serve({
    apps: [app],
    check,
    log: noLog,
    metrics: () => context.metrics.metrics(),
    drainMs: 100,
  });
  await app.start();
  const token = (kind: CallerKind = "operator", name = "tester"): string =>
    mintToken(key, { kind, namespace: "default", name, instance: "one", expiresAt: Date.now() + 60_000 });
  const transport = createTransport({ address: server.address, token: () => token() });
  return {
    address: server.address,
    app,
    resourcesDir: environment.resourcesDir,
    client: createClient(Destination, transport),
    local: createInProcessTransport({ app, check, token: () => token("core") }),
    token,
    registry: (message) => table.apply(message),
    async metric(name) {
      const text = await context.metrics.metrics();
      const lines = text.split("\n").filter((line) => line.startsWith(name));
      return lines.map((line) => Number(line.split(" ").at(-1))).reduce((sum, value) => sum + value, 0);
    },
    async [Symbol.asyncDispose]() {
      transport.close();
      await app.stop();
      await server.stop();
      context.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

const nobody: Transport = {
  unary: () => Promise.reject(new Error("no registry in this test")),
  stream: () => Promise.reject(new Error("no registry in this test")),
};
