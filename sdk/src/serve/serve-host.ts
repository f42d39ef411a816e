import { ConnectError } from "@connectrpc/connect";
import { errorMessage, isRecord } from "@patchbay/model";
import { Health } from "@patchbay/proto/grpc/health/v1/health_pb";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { Accepted, Notice } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { healthRoutes, holdLease, type Lease } from "@patchbay/wire";
import { createEventSubscription, type EventSubscription } from "../events/event-subscription.ts";
import type { PluginHost } from "../host/host.ts";
import { stateName } from "../model/events.ts";
import type { Log } from "../public/log.ts";
import type { Served } from "../public/serve.ts";
import { decisionRoutes } from "../server/decision-routes.ts";
import { createHookGuard } from "../server/hook-guard.ts";
import { hookServices } from "../server/hook-services.ts";
import { createPluginMetrics, type PluginMetrics } from "../server/metrics.ts";
import { type PluginServer, startPluginServer } from "../server/plugin-server.ts";
import { reflectionRoutes } from "../server/reflection.ts";
import { resolverRoutes } from "../server/resolver-routes.ts";
import { toAnnouncement, toHeartbeat } from "./announcement.ts";
import { createHookObserver, type HookObserver } from "./hook-observer.ts";
import { quietWireLog, toWireLog } from "./logs.ts";
import type { MeshAccess } from "./mesh-access.ts";
import { createMeshTransport } from "./mesh-transport.ts";
import type { ServeObserver } from "./observer.ts";

/** What is served, how it reaches the mesh, and what reports on it. */
export interface ServeHostOptions {
  readonly host: PluginHost;
  readonly access: MeshAccess;
  readonly bind: { readonly host: string; readonly port: number };
  /** Configuration to use when the mesh grants none. */
  readonly config: unknown;
  readonly drainMs: number;
  readonly log: Log;
  readonly observer: ServeObserver;
}

/** A served plugin, for those who run it. */
export interface ServedHost extends Served {
  /** The host's manifest changed: tells the registry. */
  announceAgain(): void;
  readonly metrics: PluginMetrics;
  /** Settles after stop(). */
  readonly stopped: Promise<void>;
}

/** Time that the mesh gets to move its questions elsewhere when the plugin stops. */
const MOVE_MS = 1_000;

/** Serves a plugin's hooks, announces it, reads its events, until stop(). Rejects when its port cannot be had. */
export async function serveHost(options: ServeHostOptions): Promise<ServedHost> {
  const plugin = new ServedPlugin(options);
  await plugin.start();
  return plugin;
}

class ServedPlugin implements ServedHost {
  readonly metrics: PluginMetrics;
  readonly #options: ServeHostOptions;
  readonly #guard = createHookGuard();
  readonly #hooks: HookObserver;
  readonly #events: EventSubscription;
  readonly #transport;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  #server: PluginServer | undefined;
  #lease: Lease | undefined;
  #stopping: Promise<void> | undefined;
  #configProblem: string | undefined;
  /** Reported to the registry last: only a change is reported again. */
  #told: string | undefined;
  #registry = "";
  /** Why there is no registry, as the observer heard it last. */
  #waiting = "";
  /** State and reason in the registry's last notice. */
  #held = "";

  constructor(options: ServeHostOptions) {
    this.#options = options;
    const { host, access, log, observer } = options;
    const { name, version, configSchema } = host.manifest;
    if (configSchema) this.#configProblem = "waiting for its configuration";
    this.metrics = createPluginMetrics({
      name,
      version,
      ready: () => this.#problem() === undefined,
      eventsInFlight: () => this.#events.inFlight(),
    });
    this.#hooks = createHookObserver({
      metrics: this.metrics,
      observer,
      deadlineMs: () => host.manifest.resolve?.deadlineMs ?? 0,
    });
    this.#events = createEventSubscription({
      plugin: name,
      host,
      log,
      wireLog: toWireLog(log),
      onChange: () => this.#tell(),
      onOutcome: (event, outcome, tookMs) => {
        this.metrics.handled(event, outcome, tookMs);
        observer.onEvent(event, outcome, tookMs);
      },
    });
    this.#transport = createMeshTransport({ locate: () => this.#locate(), token: () => access.token() });
    this.#ready.promise.catch(() => undefined);
  }

  get address(): string {
    return this.#server ? `${this.#server.host}:${this.#server.port}` : "";
  }

  get instance(): string {
    return this.#options.access.instance;
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  announceAgain(): void {
    this.#lease?.announceAgain();
  }

  stop(reason = "stopped"): Promise<void> {
    this.#stopping ??= this.#stop(reason);
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async start(): Promise<void> {
    const { host, bind, observer, log } = this.#options;
    const { metrics } = this;
    this.#server = await startPluginServer({
      ...bind,
      metrics: () => metrics.text(),
      onError: (path, error) => log.warn(`an answer of ${path} could not be written: ${error.message}`),
      routes: (router) => {
        reflectionRoutes(router, [...hookServices(host.manifest), Health]);
        healthRoutes(router, () => this.#health());
        const routes = { host, guard: this.#guard, notReady: () => this.#configProblem, observer: this.#hooks };
        resolverRoutes(router, routes);
        decisionRoutes(router, routes);
      },
    });
    this.#told = this.#problem();
    this.#lease = holdLease({
      transport: this.#transport,
      announce: () => this.#announcement(),
      heartbeat: () => toHeartbeat(this.#problem(), this.#events.counts()),
      onAccepted: (accepted) => void this.#accept(accepted),
      onNotice: (notice) => this.#notice(notice),
      onNats: (nats) => this.#events.update(nats),
      onLost: (reason) => observer.onLost(reason),
      onRefused: (error) => observer.onRefused(error.rawMessage),
      log: quietWireLog(log),
    });
  }

  async #locate(): Promise<string> {
    try {
      this.#registry = await this.#options.access.locate();
      this.#waiting = "";
      return this.#registry;
    } catch (error) {
      this.#tellWaiting(error instanceof ConnectError ? error.rawMessage : errorMessage(error));
      throw error;
    }
  }

  #tellWaiting(why: string): void {
    if (why !== this.#waiting) this.#options.observer.onWaiting(why);
    this.#waiting = why;
  }

  #announcement(): ReturnType<typeof toAnnouncement> {
    const { host, access } = this.#options;
    const { namespace, instance } = access;
    return toAnnouncement({
      manifest: host.manifest,
      namespace,
      instance,
      address: this.address,
      problem: this.#problem(),
    });
  }

  async #accept(accepted: Accepted): Promise<void> {
    this.#guard.accept(accepted.hookToken);
    this.#options.observer.onAccepted({ registry: this.#registry, grant: accepted.grant?.source ?? "" });
    await this.#configure(accepted.grant?.config);
    if (accepted.nats && !this.#stopping) this.#events.update(accepted.nats);
    this.#tell();
  }

  /** The mesh's configuration takes precedence over the one given here, which is for running without any. */
  async #configure(granted: unknown): Promise<void> {
    const { host, config } = this.#options;
    const chosen = isEmpty(granted) ? config : granted;
    try {
      await host.configure(chosen);
      this.#configProblem = undefined;
    } catch (error) {
      this.#configProblem = `its configuration does not fit: ${errorMessage(error)}`;
    }
  }

  /** Reports a change of readiness to the registry at once, instead of with the next heartbeat. */
  #tell(): void {
    const problem = this.#problem();
    if (problem === this.#told || this.#stopping) return;
    this.#told = problem;
    this.#options.observer.onProblem(problem);
    this.#lease?.announceAgain();
  }

  #problem(): string | undefined {
    const problems = this.#events.problems();
    return this.#configProblem ?? (problems.length > 0 ? problems.join("; ") : undefined);
  }

  #notice({ state, reason }: Notice): void {
    if (state === State.READY) this.#ready.resolve();
    const name = stateName(state);
    if (this.#held === `${name} ${reason}`) return;
    this.#held = `${name} ${reason}`;
    this.#options.observer.onState(name, reason);
  }

  #health(): ReadonlyMap<string, boolean> {
    const serving = this.#problem() === undefined && !this.#stopping;
    const names = ["", ...hookServices(this.#options.host.manifest).map(({ typeName }) => typeName)];
    return new Map(names.map((name) => [name, serving]));
  }

  /** Order: announce draining, let the mesh move its calls, finish events, close the port, give the lease back. */
  async #stop(reason: string): Promise<void> {
    this.#ready.reject(new Error(`the plugin was stopped before it was ready: ${reason}`));
    await this.#lease?.drain(reason);
    await Promise.all([this.#events.drain(this.#options.drainMs), this.#hooksMoved()]);
    await this.#server?.close();
    this.#lease?.close();
    this.#transport.close();
    this.#stopped.resolve();
  }

  async #hooksMoved(): Promise<void> {
    const end = performance.now() + Math.min(MOVE_MS, this.#options.drainMs);
    while (this.#hooks.open() > 0 && performance.now() < end) await new Promise((done) => setTimeout(done, 20));
  }
}

function isEmpty(config: unknown): boolean {
  return config === undefined || (isRecord(config) && Object.keys(config).length === 0);
}
