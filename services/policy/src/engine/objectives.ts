import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Transport } from "@connectrpc/connect";
import { type Cancel, type Clock, errorMessage, preciseDuration } from "@patchbay/model";
import { ObjectiveState as StateMessage } from "@patchbay/proto/mesh/common/v1/objective_pb";
import { type Objective, ObjectiveSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { Log } from "@patchbay/wire";
import { budgetLeft, burn, nextState, type ObjectiveSpec, type ObjectiveState } from "../core/objectives/objective.ts";
import type { ObjectiveChange } from "../sources/objective-events.ts";
import { type Counted, createWindowCounter, type Windows } from "./window-counter.ts";

export interface ObjectivesOptions {
  readonly telemetry: Transport;
  /** Called for every change into and out of burning. */
  onChange(change: ObjectiveChange): void;
  readonly log: Log;
  readonly clock: Clock;
  /** Least time between two evaluations. Default 1 s. */
  readonly intervalMs?: number;
}

/** Evaluates objectives with the counts of telemetry. */
export interface Objectives {
  /** Replaces all objectives. A known one keeps its state. */
  update(specs: readonly ObjectiveSpec[]): void;
  list(): Objective[];
  /** Evaluates now. */
  look(): Promise<void>;
  stop(): void;
}

interface Held {
  readonly spec: ObjectiveSpec;
  state: ObjectiveState;
  since: number;
  windows: Windows | undefined;
}

const INTERVAL_MS = 1_000;
/** A query for one objective costs telemetry about 2 ms, so hundreds of them are evaluated less often. */
const PER_OBJECTIVE_MS = 50;

export function createObjectives(options: ObjectivesOptions): Objectives {
  const { log, clock } = options;
  const count = createWindowCounter({ ...options, now: clock.now });
  let held = new Map<string, Held>();
  let looking: Promise<void> | undefined;
  let complained = false;

  async function evaluate(each: Held): Promise<void> {
    const { spec } = each;
    const windows = await count(spec, each.windows, each.state === "burning");
    // Its file has changed meanwhile; the next evaluation uses the new spec.
    if (each.spec !== spec) return;
    each.windows = windows;
    const { short, long } = windows;
    const state = nextState(each.state, windows, spec);
    if (state === each.state) return;
    const told = state === "burning" || each.state === "burning";
    each.state = state;
    each.since = clock.now();
    if (told) options.onChange({ spec, state: state === "burning" ? "burning" : "ok", short, long, at: each.since });
  }

  async function lookAtAll(): Promise<void> {
    try {
      for (const each of held.values()) await evaluate(each);
      complained = false;
    } catch (error) {
      if (!complained) log.warn({ error: errorMessage(error) }, "objectives cannot be measured at the moment");
      complained = true;
    }
  }

  const look = (): Promise<void> => {
    looking ??= lookAtAll().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  let cancel: Cancel | undefined;
  const lookLater = (): void => {
    const afterMs = Math.max(options.intervalMs ?? INTERVAL_MS, held.size * PER_OBJECTIVE_MS);
    const again = (): void => void look().finally(() => cancel && lookLater());
    cancel = clock.after(afterMs, again, { background: true });
  };
  lookLater();

  return {
    update(specs) {
      held = new Map(
        specs.map((spec) => {
          const key = `${spec.namespace}/${spec.name}`;
          const before = held.get(key);
          if (!before) return [key, { spec, state: "no-data", since: clock.now(), windows: undefined }];
          // Measurements by the old terms do not apply to the new ones.
          const kept = sameTerms(before.spec, spec) ? before.windows : undefined;
          return [key, Object.assign(before, { spec, windows: kept })];
        }),
      );
    },
    list: () => [...held.values()].map(toMessage),
    look,
    stop() {
      cancel?.();
      cancel = undefined;
    },
  };
}

function sameTerms(one: ObjectiveSpec, other: ObjectiveSpec): boolean {
  return JSON.stringify({ ...one, origin: undefined }) === JSON.stringify({ ...other, origin: undefined });
}

/** Some replica did not answer, or it is not as old as the window. */
function isPartial({ windowMs, coveredMs, partial }: Counted): boolean {
  return partial || coveredMs < windowMs;
}

const STATES = {
  ok: StateMessage.OK,
  burning: StateMessage.BURNING,
  "no-data": StateMessage.NO_DATA,
} as const satisfies Record<ObjectiveState, StateMessage>;

function toMessage({ spec, state, since, windows }: Held): Objective {
  const { namespace, name, source, target, ratio, latencyBoundMs, burnRate, origin } = spec;
  const measured = windows ? [windows.short, windows.long] : [];
  return create(ObjectiveSchema, {
    namespace,
    name,
    source,
    target,
    targetRatio: ratio,
    ...(latencyBoundMs > 0 ? { latencyBound: durationFromMs(latencyBoundMs) } : {}),
    windows: measured.map((each) => ({
      window: durationFromMs(each.windowMs),
      covered: preciseDuration(each.coveredMs),
      good: BigInt(each.good),
      total: BigInt(each.total),
      burn: burn(each, ratio),
      threshold: burnRate,
    })),
    budgetLeft: windows ? budgetLeft(windows.long, ratio) : 1,
    state: STATES[state],
    since: timestampFromMs(since),
    partial: measured.length === 0 || measured.some(isPartial),
    origin,
  });
}
