import { create } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { Kind, RegistrationSchema, State, WatchResponseSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import {
  createContext,
  createTokenCheck,
  createViewTable,
  developmentSettings,
  lazyEvents,
  serve,
} from "@patchbay/runtime";
import {
  type CallerKind,
  connectEvents,
  createTransport,
  ensureStream,
  mintToken,
  noLog,
  STREAM_SUBJECTS,
  STREAMS,
} from "@patchbay/wire";
import { createTelemetryApp } from "../../src/app.ts";

export const key = new Uint8Array(32).fill(7);

export function token(kind: CallerKind, name = "web", namespace = "default"): string {
  return mintToken(key, { kind, namespace, name, instance: "one", expiresAt: Date.now() + 3_600_000 });
}

/** A transport that proves to be a proxy of a service, or an operator. */
export function transportTo(address: string, proof: string): Transport & { close(): void } {
  return createTransport({ address, token: () => proof });
}

/** Creates the stream as the registry does. */
export async function createStream(url: string): Promise<void> {
  const bus = await connectEvents({ servers: url, name: "registry", log: noLog });
  await ensureStream(bus.admin(), {
    name: STREAMS.report,
    subjects: STREAM_SUBJECTS[STREAMS.report],
    maxBytes: 256 * 1024 * 1024,
    maxAgeMs: 3_600_000,
    discard: "old",
  });
  await bus.close();
}

export interface RunningTelemetry extends AsyncDisposable {
  readonly instance: string;
  readonly address: string;
  readonly port: number;
  /** Tells this replica of others by instance and address, as the registry would. */
  meet(others: readonly { readonly instance: string; readonly address: string }[]): void;
  stop(): Promise<void>;
}

let count = 0;

/** The real service on a port of its own, with a registry's view that the test fills. */
export async function startTelemetry(
  natsUrl: string,
  options: { instance?: string; port?: number } = {},
): Promise<RunningTelemetry> {
  const instance = options.instance ?? `replica-${++count}`;
  const view = createViewTable();
  view.apply(create(WatchResponseSchema, { reset: true, complete: true }));
  const events = lazyEvents(() => connectEvents({ servers: natsUrl, name: instance, log: noLog }));
  const context = createContext({
    name: "telemetry",
    instance,
    environment: {
      stateDir: "",
      resourcesDir: "",
      registry: undefined,
      host: "127.0.0.1",
      port: 0,
      natsUrl,
      natsSeedFile: "",
      operatorToken: undefined,
      logLevel: "error",
      defaultAuthorization: "allow",
      profile: "development",
    },
    key,
    registry: transportTo("http://127.0.0.1:9", token("core")),
    view: { ...view, ready: async () => undefined, stop: () => undefined },
    events: events.events,
    settings: developmentSettings,
    log: noLog,
  });
  const app = createTelemetryApp(context);
  const metrics = (): Promise<string> => context.metrics.metrics();
  const { drainMs } = developmentSettings;
  const server = await serve({
    apps: [app],
    check: createTokenCheck({ key }),
    log: noLog,
    metrics,
    drainMs,
    port: options.port ?? 0,
  });
  await app.start();
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    await app.stop();
    await server.stop();
    await events.close();
    context.close();
  };
  return {
    instance,
    address: server.address,
    port: server.port,
    meet(others) {
      const changed = others.map((other) =>
        create(RegistrationSchema, {
          id: `core/default/telemetry/${other.instance}`,
          state: State.READY,
          announce: { kind: Kind.CORE, name: "telemetry", ...other, address: other.address.replace("http://", "") },
        }),
      );
      view.apply(create(WatchResponseSchema, { complete: true, reset: true, changed }));
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
