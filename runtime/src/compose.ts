import { readFile } from "node:fs/promises";
import type { Transport } from "@connectrpc/connect";
import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import {
  connectEvents,
  createTransport,
  type EventBus,
  holdLease,
  type Lease,
  type Log,
  newInstanceId,
} from "@patchbay/wire";
import type { App, CreateApp } from "./app.ts";
import { createTokenCheck, type TokenCheck } from "./auth.ts";
import { createContext, lazyEvents, type RunningContext, tokenOf } from "./context.ts";
import type { Environment } from "./environment.ts";
import { createInProcessTransport } from "./in-process.ts";
import { createLog } from "./log.ts";
import { createProcessMetrics } from "./metrics.ts";
import { type RunningServer, serve } from "./server/serve.ts";
import type { Settings } from "./settings.ts";
import { createView, type RunningView } from "./view.ts";

/** Version that core services announce. */
export const CORE_VERSION = "0.1.0";

/** The registry's name among the services; who has it in the same process calls it without a socket. */
export const REGISTRY = "registry";

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
  for (const unit of units) process.local.set(unit.context.self.name, unit.transport);
  const processMetrics = createProcessMetrics();
  const server = await serve({
    apps: units.map((unit) => unit.app),
    check: process.check,
    log: process.log,
    metrics: async () =>
      (await Promise.all([processMetrics, ...units.map((u) => u.context.metrics)].map((m) => m.metrics()))).join(""),
    host: environment.host,
    port: environment.port,
    drainMs: settings.drainMs,
  });
  const leases: Lease[] = [];
  for (const unit of units) {
    await unit.app.start();
    leases.push(announce({ unit, registry: process.registry, address: `${environment.host}:${server.port}` }));
  }
  return {
    address: server.address,
    port: server.port,
    apps: units.map((unit) => unit.app),
    stop: () => stop({ units, leases, server, shared: process }),
  };
}

interface Shared {
  readonly log: Log;
  readonly check: TokenCheck;
  readonly registry: Transport;
  readonly local: Map<string, Transport>;
  readonly view: RunningView;
  readonly events: ReturnType<typeof lazyEvents>;
  closeRegistry(): void;
}

/** What the services of one process have together. */
function createShared(options: ComposeOptions): Shared {
  const { services, environment, key } = options;
  const [first = "mesh"] = services.keys();
  const name = services.size === 1 ? first : "mesh";
  const log = logOf(name, options);
  const check = createTokenCheck({ key, operatorToken: environment.operatorToken });
  const local = new Map<string, Transport>();
  const token = tokenOf(key, { kind: "core", namespace: "default", name, instance: newInstanceId() });
  const remote = services.has(REGISTRY) ? undefined : createTransport({ address: registryAddress(environment), token });
  const registry = remote ?? localTransport(local, REGISTRY);
  return {
    log,
    check,
    local,
    registry,
    view: createView({ registry, log }),
    events: lazyEvents(() => connectCore(environment, name, log)),
    closeRegistry: () => remote?.close(),
  };
}

function logOf(name: string, { log, logTo, environment }: ComposeOptions): Log {
  return log ?? createLog({ name, level: environment.logLevel, ...(logTo ? { destination: logTo } : {}) });
}

function registryAddress({ registry }: Environment): string {
  if (registry) return registry;
  throw new Error("where is the registry? Set MESH_REGISTRY=http://host:port, or start a whole mesh: mesh up");
}

/** Looks the transport up at each call, since apps are created one after the other. */
function localTransport(local: ReadonlyMap<string, Transport>, service: string): Transport {
  const find = (): Transport => {
    const transport = local.get(service);
    if (transport) return transport;
    throw new Error(`"${service}" is not composed yet`);
  };
  return {
    unary: async (...call) => await find().unary(...call),
    stream: async (...call) => await find().stream(...call),
  };
}

async function connectCore(environment: Environment, name: string, log: Log): Promise<EventBus> {
  const { natsUrl, natsSeedFile } = environment;
  if (!natsUrl) throw new Error("where is NATS? Set MESH_NATS_URL=nats://host:port, or start a whole mesh: mesh up");
  const seed = (await readFile(natsSeedFile, "utf8")).trim();
  return await connectEvents({ servers: [natsUrl], name, seed, log });
}

interface Unit {
  readonly context: RunningContext;
  readonly app: App;
  readonly transport: Transport;
}

interface UnitOptions {
  readonly name: string;
  readonly createApp: CreateApp;
  readonly shared: Shared;
  readonly options: ComposeOptions;
}

function createUnit({ name, createApp, shared, options }: UnitOptions): Unit {
  const { environment, key, settings } = options;
  const instance = newInstanceId();
  const { registry, local, view, events } = shared;
  const log = logOf(name, options);
  const context = createContext({
    name,
    instance,
    environment,
    key,
    registry,
    view,
    local,
    events: events.events,
    settings,
    log,
  });
  const app = createApp(context);
  // Whoever calls from within this process is a core service; each call proves so with the same kind of token.
  return { context, app, transport: createInProcessTransport({ app, check: shared.check, token: context.token }) };
}

interface Announcing {
  readonly unit: Unit;
  readonly registry: Transport;
  /** "host:port" */
  readonly address: string;
}

/** Holds a core service's registration, with its readiness as its health. */
function announce({ unit: { app, context }, registry, address }: Announcing): Lease {
  const { name, namespace, instance } = context.self;
  return holdLease({
    transport: registry,
    announce: () => ({
      kind: Kind.CORE,
      name,
      namespace,
      instance,
      version: CORE_VERSION,
      address,
      contract: { min: 1, max: 1 },
      ...app.readiness(),
    }),
    heartbeat: () => ({ ...app.readiness(), consumers: [] }),
    log: context.log,
  });
}

interface Stopping {
  readonly units: readonly Unit[];
  readonly leases: readonly Lease[];
  readonly server: RunningServer;
  readonly shared: Shared;
}

async function stop({ units, leases, server, shared }: Stopping): Promise<void> {
  await Promise.all(leases.map((lease) => lease.drain("stopping")));
  for (const lease of leases) lease.close();
  shared.view.stop();
  for (const unit of [...units].reverse()) await unit.app.stop();
  await server.stop();
  for (const unit of units) unit.context.close();
  shared.closeRegistry();
  await shared.events.close();
}
