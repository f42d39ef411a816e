import { spiffeId } from "@patchbay/model";
import { hookProof } from "@patchbay/plugin-calls";
import type { AppContext } from "@patchbay/runtime";
import { TOKEN_LIFETIME_MS } from "@patchbay/wire";
import { createSessions, type Sessions } from "./api/sessions.ts";
import type { Instant } from "./core/lease/instant.ts";
import { createDirectory, type Directory } from "./core/replicas/directory.ts";
import { type NatsAccess, NatsIntegration } from "./engine/nats-integration.ts";
import { createRegistryMetrics } from "./metrics.ts";
import { createDevelopmentProver } from "./sources/development-prover.ts";
import { createDevelopmentGrants, type DevelopmentGrants } from "./sources/grants.ts";
import { createProber, type Prober } from "./sources/prober.ts";

export interface RegistryOptions {
  /** How plugins get to NATS. Unset: they get no credentials, and are told why. */
  readonly nats?: NatsAccess | undefined;
  /** Default: this process's clocks. */
  readonly clock?: () => Instant;
  /** Life of a plugin's NATS token; it is renewed at half of it. Default 5 min. */
  readonly natsTokenLifeMs?: number;
  /** How long registrations that ended together are kept as stale. Default 10 min. */
  readonly staleKeepMs?: number;
}

/** What the registry is made of. */
export interface Parts {
  readonly directory: Directory;
  readonly sessions: Sessions;
  readonly grants: DevelopmentGrants;
  readonly nats: NatsIntegration;
  readonly prober: Prober;
  readonly tickMs: number;
}

const TICKS_PER_LEASE = 20;
/** Of those who ended together: long enough for a fault of ours to pass, short enough that what really died does not linger. */
const STALE_KEEP_LEASES = 6;

export function createParts(context: AppContext, options: RegistryOptions): Parts {
  const { settings, key, log, self } = context;
  const { leaseMs, heartbeatMs } = settings;
  const now = options.clock ?? (() => ({ mono: performance.now(), wall: context.clock.now() }));
  const tickMs = Math.max(20, leaseMs / TICKS_PER_LEASE);
  const prover = createDevelopmentProver(key, () => now().wall);
  const grants = createDevelopmentGrants({
    resources: context.resources,
    resolveDeadlineMs: settings.resolveDeadlineMs,
    log,
  });
  const staleKeepMs = options.staleKeepMs ?? STALE_KEEP_LEASES * leaseMs;
  const lease = { leaseMs, heartbeatMs, staleKeepMs, tickMs, replica: self.instance };
  const directory = createDirectory({ ...lease, start: now(), now, loading: options.nats !== undefined });
  const nats = new NatsIntegration({
    context,
    access: options.nats,
    directory,
    prover,
    tokenLifeMs: options.natsTokenLifeMs ?? TOKEN_LIFETIME_MS,
    tickMs,
    now,
    onRefused(reason, plugin) {
      metrics.calloutRefused();
      const id = plugin && `${plugin.kind}/${plugin.namespace}/${plugin.name}/${plugin.instance}`;
      if (id) sessions.of(id)?.tell(`its connection to NATS was refused: ${reason}`);
    },
    onDeadLetter: (letter) => metrics.deadLetter(letter),
    onChange: () => sessions.all().forEach((session) => void session.renew(true)),
  });
  const { credentials } = nats;
  const common = { directory, grants, credentials, key, replica: self.instance, leaseMs, heartbeatMs, now };
  const sessions = createSessions({ ...common, proof: prover.method, identityOf: spiffeId });
  const prober = createProber({
    hookToken: (registration) => hookProof(key, registration),
    deadlineMs: Math.min(1_000, heartbeatMs),
    onResult: (id, problem) => directory.update((own, at) => own.probed(id, problem, at)),
  });
  const metrics = createRegistryMetrics({
    register: context.metrics,
    directory,
    streams: () => sessions.all().length,
    replicas: () => nats.replicas.alive().length,
    eventsDropped: () => nats.events.dropped(),
  });
  return { directory, sessions, grants, nats, prober, tickMs };
}
