import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { type Objective, ObjectiveSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { GroupBy, Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { errorMessage, type Log } from "@patchbay/wire";
import {
  budgetLeft,
  burn,
  burns,
  type Measured,
  measure,
  nextState,
  type ObjectiveSpec,
  type ObjectiveState,
} from "./core/objective.ts";
import type { ObjectiveChange } from "./sources/objective-events.ts";

export interface ObjectivesOptions {
  readonly telemetry: Transport;
  /** Told of every change into and out of burning. */
  onChange(change: ObjectiveChange): void;
  readonly log: Log;
  now(): number;
  /** Between two looks. Default 1 s. */
  readonly intervalMs?: number;
}

/** Holds objectives against what telemetry counts. */
export interface Objectives {
  /** All objectives in force from now on. One that is known keeps its state. */
  update(specs: readonly ObjectiveSpec[]): void;
  list(): Objective[];
  /** Looks now. */
  look(): Promise<void>;
  stop(): void;
}

interface Held {
  spec: ObjectiveSpec;
  state: ObjectiveState;
  since: number;
  windows: Windows | undefined;
  /** When the long window was measured, on the clock of `now`. */
  longAt: number;
}

interface Windows {
  readonly short: Counted;
  readonly long: Counted;
}

interface Counted extends Measured {
  /** A replica of telemetry did not answer. */
  readonly partial: boolean;
}

const INTERVAL_MS = 1_000;
const DEADLINE_MS = 2_000;
/** An hour changes little in this time; it is measured at once when the short window burns. */
const LONG_EVERY_MS = 10_000;

export function createObjectives(options: ObjectivesOptions): Objectives {
  const { log, now } = options;
  const telemetry = createClient(Telemetry, options.telemetry);
  let held = new Map<string, Held>();
  let looking: Promise<void> | undefined;
  let complained = false;

  async function count(spec: ObjectiveSpec, windowMs: number): Promise<Counted> {
    const { source, target } = spec;
    const window = Math.round(windowMs / 1_000);
    const query = { window, groupBy: GroupBy.PAIR, source, target };
    const response = await telemetry.stat(query, { timeoutMs: DEADLINE_MS });
    const counted = measure(response.rows, spec.latencyBoundMs);
    return { windowMs, coveredMs: response.window * 1_000, partial: response.partial, ...counted };
  }

  async function countLong(each: Held, short: Counted): Promise<Counted> {
    const { spec, state, windows } = each;
    const urgent = state === "burning" || burns(short, spec);
    if (windows && !urgent && now() - each.longAt < LONG_EVERY_MS) return windows.long;
    const long = await count(spec, spec.longMs);
    each.longAt = now();
    return long;
  }

  async function evaluate(each: Held): Promise<void> {
    const { spec } = each;
    const short = await count(spec, spec.shortMs);
    const long = await countLong(each, short);
    // Its file may have changed meanwhile; the next look goes by that.
    if (each.spec !== spec) return;
    each.windows = { short, long };
    const state = nextState(each.state, each.windows, spec);
    if (state === each.state) return;
    const told = state === "burning" || each.state === "burning";
    each.state = state;
    each.since = now();
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
  const timer = setInterval(() => void look(), options.intervalMs ?? INTERVAL_MS);
  timer.unref();

  return {
    update(specs) {
      const fresh = (spec: ObjectiveSpec): Held => ({
        spec,
        state: "no-data",
        since: now(),
        windows: undefined,
        longAt: 0,
      });
      held = new Map(
        specs.map((spec) => {
          const key = `${spec.namespace}/${spec.name}`;
          const before = held.get(key);
          if (!before) return [key, fresh(spec)];
          // What was measured by other terms says nothing about these.
          const kept = sameTerms(before.spec, spec) ? before.windows : undefined;
          return [key, Object.assign(before, { spec, windows: kept })];
        }),
      );
    },
    list: () => [...held.values()].map(toMessage),
    look,
    stop: () => clearInterval(timer),
  };
}

function sameTerms(one: ObjectiveSpec, other: ObjectiveSpec): boolean {
  return JSON.stringify({ ...one, file: "" }) === JSON.stringify({ ...other, file: "" });
}

/** Some replica did not answer, or it is not as old as the window. */
function isPartial({ windowMs, coveredMs, partial }: Counted): boolean {
  return partial || coveredMs < windowMs;
}

function toMessage({ spec, state, since, windows }: Held): Objective {
  const { namespace, name, source, target, ratio, latencyBoundMs, burnRate, file } = spec;
  const measured = windows ? [windows.short, windows.long] : [];
  return create(ObjectiveSchema, {
    namespace,
    name,
    source,
    target,
    targetRatio: ratio,
    latencyBoundMs,
    windows: measured.map((each) => ({
      window: durationFromMs(each.windowMs),
      covered: each.coveredMs / 1_000,
      good: BigInt(each.good),
      total: BigInt(each.total),
      burn: burn(each, ratio),
      threshold: burnRate,
    })),
    budgetLeft: windows ? budgetLeft(windows.long, ratio) : 1,
    state,
    since: timestampFromMs(since),
    partial: measured.length === 0 || measured.some(isPartial),
    file,
  });
}
