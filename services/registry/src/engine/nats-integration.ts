import { type AppContext, REGISTRY } from "@patchbay/runtime";
import { type EventBus, readSeed } from "@patchbay/wire";
import type { ProvenUntil, Prover } from "../core/announce/prover.ts";
import type { Instant } from "../core/lease/instant.ts";
import { pluginConnection } from "../core/plugins/plugin-connection.ts";
import type { Changes } from "../core/replicas/changes.ts";
import type { Directory } from "../core/replicas/directory.ts";
import { createReplicas, type Replicas } from "../core/replicas/replicas.ts";
import { type Backlogs, createBacklogs } from "../sources/backlog.ts";
import { startCallout } from "../sources/callout.ts";
import { type Credentials, createCredentials } from "../sources/credentials.ts";
import { startDeadLetters } from "../sources/dead-letters.ts";
import { type EventPlane, startEventPlane, type Unavailable } from "../sources/event-plane.ts";
import { type Mirror, startMirror } from "../sources/mirror.ts";
import type { NatsKeys } from "../sources/nats-keys.ts";
import { createPluginEvents, type PluginEvents } from "../sources/plugin-events.ts";

/** How plugins get to NATS, and by which keys they are let in. */
export interface NatsAccess {
  /** "nats://host:port", as plugins reach it. */
  readonly servers: readonly string[];
  readonly keys: Pick<NatsKeys, "callout" | "issuer">;
}

export interface NatsIntegrationOptions {
  readonly context: AppContext;
  readonly access: NatsAccess | undefined;
  readonly directory: Directory;
  readonly prover: Prover;
  readonly tokenLifeMs: number;
  readonly tickMs: number;
  now(): Instant;
  /** A plugin's connection was refused. */
  onRefused(reason: string, plugin: ProvenUntil | undefined): void;
  onDeadLetter(letter: { readonly consumer: string; readonly class: string }): void;
  /** Credentials may be had now, or not any more. */
  onChange(): void;
}

/** Everything of the registry that needs NATS, and that the rest goes on without. */
export class NatsIntegration {
  readonly credentials: Credentials;
  readonly backlogs: Backlogs;
  readonly replicas: Replicas;
  readonly events: PluginEvents;
  readonly #options: NatsIntegrationOptions;
  #plane: EventPlane | undefined;
  #mirror: Mirror | undefined;
  #tickedAt: number;
  readonly #startedAt: number;

  constructor(options: NatsIntegrationOptions) {
    const { context, access, directory, now, tickMs, tokenLifeMs } = options;
    const { key, log, settings } = context;
    const mono = (): number => now().mono;
    this.#options = options;
    this.#tickedAt = mono();
    this.#startedAt = mono();
    this.credentials = createCredentials({
      key,
      servers: access?.servers ?? [],
      events: () => this.#plane?.plugins() ?? starting,
      tokenLifeMs,
      now: () => now().wall,
    });
    this.backlogs = createBacklogs({ events: () => this.#bus(), now: mono });
    this.replicas = createReplicas({ leaseMs: settings.leaseMs, tickMs, sink: directory, startedAt: mono() });
    this.events = createPluginEvents({ events: () => context.events(), replica: context.self.instance, log });
  }

  start(): void {
    const { context, access, onChange } = this.#options;
    this.#plane = startEventPlane({
      events: () => context.events(),
      callout: access && { servers: access.servers, seed: access.keys.callout.seed },
      onCore: (bus) => this.#startCore(bus),
      onCallout: (bus) => this.#startCallout(bus),
      onChange,
      log: context.log,
    });
  }

  async stop(): Promise<void> {
    this.events.stop();
    await this.#plane?.stop();
  }

  /** Shows other replicas and plugins what happened to our registrations. */
  follow({ changed, removed, transitions }: Changes): void {
    this.#mirror?.put(changed, removed);
    this.events.push(transitions);
  }

  tick(): void {
    const { now, context, tickMs, directory } = this.#options;
    const { mono } = now();
    // Who was silent for long may have been cleared away by others, who took it for dead.
    if (mono - this.#tickedAt > tickMs + context.settings.leaseMs / 2) this.#mirror?.put(directory.own(), []);
    this.#tickedAt = mono;
    this.replicas.tick(mono, this.#bus() !== undefined);
  }

  /** A sign of life to other replicas; call it once a heartbeat interval. */
  beat(): void {
    if (!this.#mirror) return;
    this.#mirror.beat();
    const { now, context } = this.#options;
    const abandoned = this.replicas.abandoned(now().mono, 2 * context.settings.leaseMs);
    for (const replica of abandoned) this.replicas.forget(replica);
    // What is not cleared away now is seen again at the next start.
    this.#mirror
      .clear(abandoned)
      .catch((error: unknown) => context.log.debug({ error }, "a dead replica's traces stay"));
  }

  /** Why there is no NATS; empty when there is, or when it is too early to say. */
  problem(): string {
    const core = this.#plane?.core() ?? starting;
    const early = this.#options.now().mono - this.#startedAt < SPEAK_AFTER_MS;
    return "unavailable" in core && !early ? core.unavailable : "";
  }

  #bus(): EventBus | undefined {
    const core = this.#plane?.core() ?? starting;
    return "unavailable" in core ? undefined : core;
  }

  async #startCore(bus: EventBus): Promise<() => Promise<void>> {
    const { context, directory, now, onDeadLetter } = this.#options;
    const { log, self } = context;
    const letters = await startDeadLetters({ bus, log, onDeadLetter });
    const mirror = await startMirror({
      bus,
      replica: self.instance,
      replicas: this.replicas,
      own: () => directory.own(),
      now: () => now().mono,
      onLoaded: () => directory.loading(false),
      log,
    });
    this.#mirror = mirror;
    return async () => {
      this.#mirror = undefined;
      mirror.stop();
      await letters.stop();
    };
  }

  #startCallout(bus: EventBus): void {
    const { access, prover, directory, onRefused, context } = this.#options;
    if (!access) return;
    const accessOf = (plugin: ProvenUntil) => this.credentials.accessOf(plugin, pluginConnection(directory, plugin));
    startCallout({ bus, issuer: readSeed(access.keys.issuer.seed), prover, accessOf, onRefused, log: context.log });
  }
}

/** Connecting takes a moment at every start. */
const SPEAK_AFTER_MS = 2_000;

const starting: Unavailable = { unavailable: `the ${REGISTRY} is starting` };
