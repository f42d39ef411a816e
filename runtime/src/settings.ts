import type { Profile } from "@patchbay/process";

/** Every number that shapes the mesh's behaviour in time, with its unit in its name. */
export interface Settings {
  /** How long a registration is good without a heartbeat. Shorter notices death sooner and costs more messages. */
  readonly leaseMs: number;
  /** Time between heartbeats; a third of the lease, so that one may be lost. */
  readonly heartbeatMs: number;
  /** How long a resolver link's last answer outlives the link. */
  readonly staleForMs: number;
  /** Time to a resolver's first answer when its grant says nothing else. */
  readonly resolveDeadlineMs: number;
  /** The first message of a Resolve stream leaves by then, marked incomplete if need be. */
  readonly firstAnswerMs: number;
  /** Changes within this time travel together. */
  readonly coalesceMs: number;
  /** Names that one client may watch at a time. */
  readonly maxWatchesPerClient: number;
  /** A watched name without subscribers is dropped after this time. */
  readonly lingerMs: number;
  /** The stream of a reader that stalls for this long is closed. */
  readonly stuckReaderMs: number;
  /** Window that a proxy's report covers. */
  readonly reportIntervalMs: number;
  /** Life of a workload certificate; it is renewed at half of it. */
  readonly certificateLifeMs: number;
  /** Time that a stopping process gives to what it holds. */
  readonly drainMs: number;
  /** Refusals name the policy that decided. It tells outsiders how the mesh is guarded, so only where there are none. */
  readonly nameRefusals: boolean;
}

/** A laptop: things come and go often and people wait for them. */
export const developmentSettings: Settings = {
  leaseMs: 5_000,
  heartbeatMs: 1_600,
  staleForMs: 2_000,
  resolveDeadlineMs: 2_000,
  firstAnswerMs: 3_000,
  coalesceMs: 10,
  maxWatchesPerClient: 1_000,
  lingerMs: 5_000,
  stuckReaderMs: 10_000,
  reportIntervalMs: 1_000,
  certificateLifeMs: 3_600_000,
  drainMs: 1_000,
  nameRefusals: true,
};

/** A cluster: fewer messages, and more patience with what is away for a moment. */
const clusterSettings: Settings = {
  ...developmentSettings,
  leaseMs: 30_000,
  heartbeatMs: 10_000,
  staleForMs: 30_000,
  reportIntervalMs: 10_000,
  certificateLifeMs: 24 * 3_600_000,
  drainMs: 30_000,
  nameRefusals: false,
};

const profiles: Readonly<Record<Profile, Settings>> = { development: developmentSettings, cluster: clusterSettings };

export function settingsOf(profile: Profile): Settings {
  return profiles[profile];
}
