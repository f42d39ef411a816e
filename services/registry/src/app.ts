import type { ConnectRouter } from "@connectrpc/connect";
import { Registry } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { App, AppContext, Readiness } from "@patchbay/runtime";
import { createList } from "./api/list.ts";
import { createPresent } from "./api/present.ts";
import { createRegister } from "./api/register.ts";
import { createWatch } from "./api/watch.ts";
import type { Changes } from "./core/replicas/changes.ts";
import { createParts, type Parts, type RegistryOptions } from "./wiring.ts";

export type { NatsAccess } from "./engine/nats-integration.ts";
export { type NatsConfigOptions, natsConfig } from "./sources/nats-config.ts";
export { loadNatsKeys, type NatsKeys, natsKeysDir, type SeedPair } from "./sources/nats-keys.ts";
export type { RegistryOptions } from "./wiring.ts";

/** The one address to know: who is there, proven how, granted what, alive until when. */
export function createRegistryApp(context: AppContext, options: RegistryOptions = {}): App {
  const parts = createParts(context, options);
  const started = Promise.withResolvers<void>();
  let stop: (() => Promise<void>) | undefined;
  return {
    name: "registry",
    routes: (router) => routes(router, { context, parts, started: started.promise }),
    async start() {
      await parts.grants.start();
      stop = run(context, parts);
      started.resolve();
    },
    async stop() {
      const end = stop;
      stop = undefined;
      await end?.();
    },
    readiness: () => readiness(parts),
  };
}

interface Routing {
  readonly context: AppContext;
  readonly parts: Parts;
  readonly started: Promise<void>;
}

function routes(router: ConnectRouter, { context, parts, started }: Routing): void {
  const { directory, sessions, nats } = parts;
  const present = createPresent(context.key);
  router.service(Registry, {
    register: createRegister({ sessions, started }),
    watch: createWatch({ directory, present }),
    list: createList({ directory, present, backlogs: nats.backlogs }),
  });
}

/** Ready without NATS too: discovery goes on, only events do not. */
function readiness({ nats }: Parts): Readiness {
  const problem = nats.problem();
  return { ready: true, reason: problem && `runs alone, without events: ${problem}` };
}

/** Lets time pass, and passes on what happens; returns what ends that. */
function run({ settings, log }: AppContext, parts: Parts): () => Promise<void> {
  const { directory, grants, nats, prober, sessions, tickMs } = parts;
  const offs = [
    directory.onOwnChange((changes) => follow(changes, parts)),
    grants.onChange(() => sessions.all().forEach((session) => void session.regrant())),
  ];
  const everyTick = (): void => {
    directory.tick();
    nats.tick();
  };
  const everyHeartbeat = (): void => {
    prober.round();
    nats.beat();
    for (const session of sessions.all()) void session.renew(false);
  };
  const timers = [setInterval(everyTick, tickMs), setInterval(everyHeartbeat, settings.heartbeatMs)];
  // Without other replicas' registrations the picture is complete too, only not for a while: NATS may be slow to come.
  timers.push(setTimeout(() => directory.loading(false), 2 * settings.leaseMs));
  nats.start();
  log.info({ leaseMs: settings.leaseMs }, "holds leases");
  return async () => {
    for (const timer of timers) clearTimeout(timer);
    for (const off of offs) off();
    for (const session of sessions.all()) session.end();
    grants.stop();
    prober.stop();
    await nats.stop();
  };
}

function follow(changes: Changes, { directory, nats, prober, sessions }: Parts): void {
  nats.follow(changes);
  prober.follow(changes.changed, changes.removed);
  for (const id of changes.noticed) {
    const registration = directory.get(id);
    if (registration) sessions.of(id)?.notice(registration);
  }
}
