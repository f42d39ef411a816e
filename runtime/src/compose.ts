import { readFile } from "node:fs/promises";
import { DEFAULT_NAMESPACE } from "@patchbay/model";
import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import {
  connectEvents,
  type EventBus,
  holdLease,
  type Lease,
  type Log,
  newInstanceId,
  systemClock,
} from "@patchbay/wire";
import type { App, CreateApp } from "./app.ts";
import { createTokenCheck, type TokenCheck } from "./auth.ts";
import { createContext, lazyEvents, type RunningContext, tokenOf } from "./context.ts";
import { type CoreTransports, createCoreTransports } from "./core-transports.ts";
import type { Environment } from "./environment.ts";
import { createLog } from "./log.ts";
import { createProcessMetrics } from "./metrics.ts";
import { createFileSource } from "./resources/file-source.ts";
import type { ResourceSource } from "./resources/resource-source.ts";
import { type RunningServer, serve } from "./server/serve.ts";
import type { Settings } from "./settings.ts";
import { type ProcessTraces, traceProcess } from "./trace/process-traces.ts";
import { createView, type RunningView } from "./view.ts";

/** Version that core services announce. */
export const CORE_VERSION = "0.1.0";

// Heartbeats would tell it too, but only after a third of a lease.
const READINESS_POLL_MS = 50;

export interface ComposeOptions {
  /** Services of this process in the order in which they start; they stop in reverse. */
  readonly services: ReadonlyMap<string, CreateApp>;
  readonly environment: Environment;
  readonly key: Uint8Array;
  readonly settings: Settings;
  readonly log?: Log;
  /** Where each component logs under its own name when there is no `log`. Default: standard error. */
  readonly logTo?: { write(line: string): void };
}

export interface Composition {
  /** "http://host:port" */
  readonly address: string;
  readonly port: number;
  readonly apps: readonly App[];
  /** Deregisters, then stops apps in reverse order, then the server. */
  stop(): Promise<void>;
}

/** Builds, serves, starts and announces the services of one process. */
export async function compose(options: ComposeOptions): Promise<Composition> {
  const { environment, settings } = options;
  const process = createShared(options);
  const units = [...options.services].map(([name, createApp]) =>
    createUnit({ name, createApp, shared: process, options }),
  );
  const processMetrics = createProcessMetrics();
  process.traces?.count(processMetrics);
  const server = await serve({
    apps: units.map((unit) => unit.app),
    check: process.check,
    log: process.log,
    tracerOf: process.traces?.tracerOf,
    metrics: async () =>
      (await Promise.all([processMetrics, ...units.map((u) => u.context.metrics)].map((m) => m.metrics()))).join(""),
    host: environment.host,
    port: environment.port,
    drainMs: settings.drainMs,
  }).catch((error: unknown) => {
    close(units, process);
    throw error;
  });
  const announced: Announced[] = [];
  for (const unit of units) {
    await unit.app.start();
    announced.push(announce(unit, `${environment.host}:${server.port}`));
  }
  return {
    address: server.address,
    port: server.port,
    apps: units.map((unit) => unit.app),
    stop: () => stop({ units, announced, server, shared: process }),
  };
}

interface Shared {
  readonly log: Log;
  readonly check: TokenCheck;
  readonly transports: CoreTransports;
  readonly view: RunningView;
  readonly resources: ResourceSource;
  readonly events: ReturnType<typeof lazyEvents>;
  /** Undefined: no collector is configured. */
  readonly traces: ProcessTraces | undefined;
}

/** What the services of one process have together. */
function createShared(options: ComposeOptions): Shared {
  const { services, environment, key } = options;
  const [first = "mesh"] = services.keys();
  const name = services.size === 1 ? first : "mesh";
  const log = logOf(name, options);
  const check = createTokenCheck({ key, operatorToken: environment.operatorToken });
  const traces = traceProcess({ environment: environment.variables ?? {}, version: CORE_VERSION, log });
  const transports = createCoreTransports({
    names: [...services.keys()],
    check,
    registryAddress: environment.registry,
    tracerOf: traces?.tracerOf,
  });
  const token = tokenOf(key, { kind: "core", namespace: DEFAULT_NAMESPACE, name, instance: newInstanceId() });
  return {
    log,
    check,
    transports,
    traces,
    view: createView({ registry: transports.registry(token), log }),
    resources: createFileSource({ dir: environment.resourcesDir, log, clock: systemClock }),
    events: lazyEvents((signal) => connectCore(environment, { name, log, signal })),
  };
}

function logOf(name: string, { log, logTo, environment }: ComposeOptions): Log {
  return log ?? createLog({ name, level: environment.logLevel, ...(logTo ? { destination: logTo } : {}) });
}

interface Connecting {
  readonly name: string;
  readonly log: Log;
  readonly signal: AbortSignal;
}

async function connectCore({ natsUrl, natsSeedFile }: Environment, connecting: Connecting): Promise<EventBus> {
  if (natsUrl === undefined)
    throw new Error("where is NATS? Set MESH_NATS_URL=nats://host:port, or start a whole mesh: mesh up");
  const seed = (await readFile(natsSeedFile, "utf8")).trim();
  return await connectEvents({ servers: [natsUrl], seed, ...connecting });
}

interface Unit {
  readonly context: RunningContext;
  readonly app: App;
}

interface UnitOptions {
  readonly name: string;
  readonly createApp: CreateApp;
  readonly shared: Shared;
  readonly options: ComposeOptions;
}

function createUnit({ name, createApp, shared, options }: UnitOptions): Unit {
  const { environment, key, settings } = options;
  const { transports, view, resources, events } = shared;
  const instance = newInstanceId();
  const token = tokenOf(key, { kind: "core", namespace: DEFAULT_NAMESPACE, name, instance });
  const context = createContext({
    name,
    instance,
    environment,
    key,
    registry: transports.registry(token),
    view,
    resources,
    local: transports.local(token),
    events: events.events,
    settings,
    log: logOf(name, options),
  });
  const app = createApp(context);
  transports.add(app);
  return { context, app };
}

/** Holds a core service's registration at "host:port", with its readiness as its health; a change is announced at once. */
function announce({ app, context }: Unit, address: string): Announced {
  const { name, namespace, instance } = context.self;
  let told = app.readiness();
  const lease = holdLease({
    transport: context.registry,
    announce: () => {
      told = app.readiness();
      return {
        kind: Kind.CORE,
        name,
        namespace,
        instance,
        version: CORE_VERSION,
        address,
        contract: { min: 1, max: 1 },
        ...told,
      };
    },
    heartbeat: () => ({ ...app.readiness(), consumers: [] }),
    log: context.log,
  });
  const look = setInterval(() => app.readiness().ready !== told.ready && lease.announceAgain(), READINESS_POLL_MS);
  look.unref();
  return {
    lease,
    async end() {
      clearInterval(look);
      await lease.drain("stopping");
    },
  };
}

interface Announced {
  readonly lease: Lease;
  /** Tells no more changes and gives notice; the lease itself is still to be closed. */
  end(): Promise<void>;
}

interface Stopping {
  readonly units: readonly Unit[];
  readonly announced: readonly Announced[];
  readonly server: RunningServer;
  readonly shared: Shared;
}

async function stop({ units, announced, server, shared }: Stopping): Promise<void> {
  await Promise.all(announced.map((each) => each.end()));
  for (const { lease } of announced) lease.close();
  shared.view.stop();
  for (const unit of [...units].reverse()) await unit.app.stop();
  await server.stop();
  close(units, shared);
  await shared.events.close();
  await shared.traces?.stop();
}

/** Ends what looks at others; all of it may be closed twice. */
function close(units: readonly Unit[], shared: Shared): void {
  shared.view.stop();
  for (const unit of units) unit.context.close();
  shared.transports.close();
}
