import type { Manifest } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import type { ConsumerStats } from "@patchbay/proto/mesh/registry/v1/registry_pb";

/** Failures since the last event that a class handled. */
export interface Streak {
  readonly handled: bigint;
  readonly failed: bigint;
}

export type Streaks = ReadonlyMap<string, Streak>;

/** Fewer failures in a row are bad luck. */
const IN_A_ROW = 10n;

/** Of counters that a heartbeat brings, those that the manifest has a use for: one for each class that it consumes. */
export function knownStats(stats: readonly ConsumerStats[], manifest: Manifest | undefined): readonly ConsumerStats[] {
  return (manifest?.events ?? []).flatMap((interest) => stats.find((one) => one.class === interest.class) ?? []);
}

/** Moves the start of each class's streak to where it last handled something. Counters that fall belong to a new process. */
export function followStreaks(streaks: Streaks, stats: readonly ConsumerStats[]): Streaks {
  return new Map(stats.map((now) => [now.class, start(streaks.get(now.class), now)]));
}

function start(streak: Streak | undefined, { handled, failed }: ConsumerStats): Streak {
  if (!streak) return { handled, failed: handled > 0n ? failed : 0n };
  return handled === streak.handled && failed >= streak.failed ? streak : { handled, failed };
}

/** Says which class fails for everything; empty when none does. */
export function deliveryProblem(streaks: Streaks, stats: readonly ConsumerStats[]): string {
  const failing = stats.find((now) => now.failed - (streaks.get(now.class)?.failed ?? now.failed) >= IN_A_ROW);
  if (!failing) return "";
  return `its last deliveries of class "${failing.class}" all failed (${IN_A_ROW} or more in a row)`;
}
