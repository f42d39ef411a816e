import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { Clock } from "@patchbay/model";
import {
  type Registration,
  type WatchResponse,
  WatchResponseSchema,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import {
  type App,
  type CreateApp,
  createContext,
  createViewTable,
  developmentSettings,
  readEnvironment,
  type Settings,
} from "@patchbay/runtime";
import { type ClosableTransport, type EventBus, type Log, noLog } from "@patchbay/wire";
import { sumOf } from "./metrics.ts";
import { localTransport, serveApp } from "./serve-app.ts";
import { temporaryDir } from "./temporary-dir.ts";
import { TEST_KEY, type TestCaller, transportAs } from "./test-token.ts";

export interface StartServiceOptions {
  /** Default: "one". */
  readonly instance?: string;
  readonly settings?: Partial<Settings>;
  /** More of the environment, such as MESH_DEFAULT_AUTHORIZATION. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What the registry says at first. */
  readonly registrations?: readonly Registration[];
  /** Whether that is the whole picture. Default: true. */
  readonly complete?: boolean;
  /** Core services of the same process. */
  readonly local?: ReadonlyMap<string, Transport>;
  events?(): Promise<EventBus>;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Default: a free one. */
  readonly port?: number;
  /** State folder of a service that ran before; it stays. */
  readonly stateDir?: string;
  /** Resource files by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Serves without having started. */
  readonly startLater?: boolean;
}

/** A service that runs, with a registry that the test plays. */
export interface RunningService extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly app: App;
  readonly stateDir: string;
  readonly resourcesDir: string;
  /** A transport that proves to be this caller; closed with the service. */
  as(caller: TestCaller): ClosableTransport;
  /** Calls the app in its own process, as this caller. */
  local(caller: TestCaller): Transport;
  /** What the registry says next. */
  registry(message: WatchResponse): void;
  /** Saves a resource file. */
  save(file: string, text: string): Promise<void>;
  /** The sum of the service's own samples whose line begins so. */
  metric(start: string): Promise<number>;
  /** Ends it as a process ends; twice is fine. */
  stop(): Promise<void>;
}

/** Builds a service as a process does, and serves it on its own port. */
export async function startService(
  name: string,
  createApp: CreateApp,
  options: StartServiceOptions = {},
): Promise<RunningService> {
  await using stack = new AsyncDisposableStack();
  const stateDir = options.stateDir ?? stack.use(await temporaryDir()).path;
  const table = createViewTable();
  const { registrations = [], complete = true, clock, local, files = {} } = options;
  table.apply(create(WatchResponseSchema, { reset: true, complete, changed: [...registrations] }));
  const environment = readEnvironment({ MESH_STATE_DIR: stateDir, ...options.environment });
  const context = createContext({
    name,
    instance: options.instance ?? "one",
    environment,
    key: TEST_KEY,
    registry: nobody,
    view: { ...table, ready: async () => undefined, stop: () => undefined },
    events: options.events ?? (() => Promise.reject(new Error("no NATS in this test"))),
    settings: { ...developmentSettings, ...options.settings },
    log: options.log ?? noLog,
    ...(clock === undefined ? {} : { clock }),
    ...(local === undefined ? {} : { local }),
  });
  stack.defer(() => context.close());
  await mkdir(environment.resourcesDir, { recursive: true });
  const save = (file: string, text: string): Promise<void> => writeFile(join(environment.resourcesDir, file), text);
  for (const [file, text] of Object.entries(files)) await save(file, text);
  const app = createApp(context);
  const metrics = (): Promise<string> => context.metrics.metrics();
  const server = await serveApp(app, { metrics, drainMs: 100, port: options.port ?? 0 });
  stack.defer(() => server.stop());
  stack.defer(() => app.stop());
  if (options.startLater !== true) await app.start();
  const running = stack.move();
  const stop = (): Promise<void> => running.disposeAsync();
  return {
    address: server.address,
    port: server.port,
    app,
    stateDir,
    resourcesDir: environment.resourcesDir,
    as(caller) {
      const transport = transportAs(server.address, caller);
      running.defer(() => transport.close());
      return transport;
    },
    local: (caller) => localTransport(app, caller),
    registry: (message) => table.apply(message),
    save,
    metric: async (start) => sumOf(await metrics(), start),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A registry that is not there. */
export const nobody: Transport = {
  unary: () => Promise.reject(new Error("no registry in this test")),
  stream: () => Promise.reject(new Error("no registry in this test")),
};
