import type { Transport } from "@connectrpc/connect";
import { type Clock, DEFAULT_NAMESPACE } from "@patchbay/model";
import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { type CallerKind, createTokenSource, type EventBus, type Log, systemClock } from "@patchbay/wire";
import type { AppContext, Self } from "./app.ts";
import type { Environment } from "./environment.ts";
import { createLocator } from "./locate.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createFileSource } from "./resources/file-source.ts";
import type { ResourceSource } from "./resources/resource-source.ts";
import { type Settings, settingsOf } from "./settings.ts";
import { createView, type RunningView } from "./view.ts";

export interface ContextOptions {
  readonly name: string;
  readonly instance: string;
  readonly environment: Environment;
  readonly key: Uint8Array;
  /** To the registry. */
  readonly registry: Transport;
  /** Shared by the services of one process. */
  readonly view?: RunningView;
  /** Shared by the services of one process. Default: the folder of the environment. */
  readonly resources?: ResourceSource;
  /** Services of the same process. */
  readonly local?: ReadonlyMap<string, Transport>;
  /** The core's NATS connection, made at first use and shared in one process. */
  events(): Promise<EventBus>;
  readonly settings?: Settings;
  readonly log?: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

export interface RunningContext extends AppContext {
  close(): void;
}

/** Builds what a core service needs from the process it runs in. */
export function createContext(options: ContextOptions): RunningContext {
  const { name, instance, environment, key } = options;
  const self: Self = { kind: "core", namespace: DEFAULT_NAMESPACE, name, instance };
  const log = options.log ?? createLog({ name, level: environment.logLevel });
  const clock = options.clock ?? systemClock;
  const token = tokenOf(key, self);
  const view = options.view ?? createView({ registry: options.registry, log });
  const locator = createLocator({ view, token, ...(options.local ? { local: options.local } : {}) });
  return {
    self,
    settings: options.settings ?? settingsOf(environment.profile),
    log,
    metrics: createMetrics(name),
    key,
    stateDir: environment.stateDir,
    resources: options.resources ?? createFileSource({ dir: environment.resourcesDir, log, clock }),
    defaultAuthorization: environment.defaultAuthorization,
    controlPlanePorts: () => new Set([...corePorts(view), ...natsPort(environment)]),
    token,
    registry: options.registry,
    view,
    locate: locator.locate,
    addresses: locator.addresses,
    at: locator.at,
    events: () => options.events(),
    clock,
    close() {
      locator.close();
      if (!options.view) view.stop();
    },
  };
}

/** Tokens that prove a name, renewed as they age. */
export function tokenOf(
  key: Uint8Array,
  self: { kind: CallerKind; namespace: string; name: string; instance: string },
): () => string {
  const { kind, namespace, name, instance } = self;
  return createTokenSource(key, { kind, namespace, name, instance });
}

/** One lazy connection to the core's NATS account. Closing it does not wait for the server, which may stay unreachable. */
export function lazyEvents(connect: (signal: AbortSignal) => Promise<EventBus>): {
  events(): Promise<EventBus>;
  close(): Promise<void>;
} {
  const closing = new AbortController();
  let opening: Promise<EventBus> | undefined;
  let open: EventBus | undefined;
  const connectOnce = async (): Promise<EventBus> => {
    const bus = await connect(closing.signal);
    open = bus;
    if (closing.signal.aborted) await bus.close();
    return bus;
  };
  return {
    events() {
      opening ??= connectOnce().catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      return opening;
    },
    async close() {
      closing.abort();
      await open?.close();
    },
  };
}

function natsPort({ natsUrl }: Environment): readonly number[] {
  const port = URL.parse(natsUrl ?? "")?.port;
  return port === undefined ? [] : [port === "" ? 4222 : Number(port)];
}

function* corePorts(view: RunningView): Iterable<number> {
  for (const { announce } of view.list(Kind.CORE)) {
    const port = Number(announce?.address.split(":").at(-1));
    if (port > 0) yield port;
  }
}
