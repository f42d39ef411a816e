import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Announce,
  type ConsumerStats,
  type Registration,
  RegistrationSchema,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { Granted } from "./announce/grant.ts";
import { conditionOf, type HookState, type LeaseState } from "./lease/condition.ts";
import { deliveryProblem, type Streaks } from "./lease/deliveries.ts";
import { advance, type Life, type Step } from "./lease/life.ts";

/** One registration whose lease this replica holds. */
export interface Entry {
  readonly id: string;
  announce: Announce;
  readonly granted: Granted | undefined;
  /** How the identity was proven, such as "development key". */
  readonly proof: string;
  life: Life;
  /** Milliseconds on the monotonic clock. */
  readonly heardAt: number;
  /** The stream that holds the lease; undefined once it broke. */
  stream: number | undefined;
  readonly lease: LeaseState;
  readonly staleSince: number | undefined;
  readonly hook: HookState;
  readonly hookReason: string;
  readonly quarantine: string | undefined;
  readonly drain: string | undefined;
  readonly consumers: readonly ConsumerStats[];
  readonly streaks: Streaks;
  /** When watchers last heard of it, monotonic. */
  toldAt: number;
}

/** Goes where the facts lead; returns whether state or reason changed. */
export function settle(entry: Entry, leaseMs: number, at: number): boolean {
  const condition = conditionOf({
    ready: entry.announce.ready,
    reason: entry.announce.reason,
    hook: entry.hook,
    hookReason: entry.hookReason,
    stream: entry.stream === undefined ? "broken" : "open",
    lease: entry.lease,
    leaseText: `${leaseMs / 1000} s`,
    configProblem: entry.granted?.configProblem ?? "",
    deliveryProblem: deliveryProblem(entry.streaks, entry.consumers),
    quarantine: entry.quarantine,
    drain: entry.drain,
    everReady: entry.life.everReady,
  });
  const before = entry.life;
  entry.life = advance(before, condition, at);
  return entry.life !== before;
}

/** What others see of it; without any secret. */
export function toRegistration(entry: Entry, replica: string): Registration {
  const { id, announce, life, proof, granted } = entry;
  return create(RegistrationSchema, {
    id,
    announce,
    state: life.state,
    reason: life.reason,
    since: timestampFromMs(life.at),
    history: life.history.map(toTransition),
    ...(granted && { grant: granted.grant }),
    proof,
    replica,
    stale: entry.lease === "stale",
    consumers: [...entry.consumers],
  });
}

function toTransition({ state, reason, at }: Step) {
  return { state, reason, at: timestampFromMs(at) };
}
