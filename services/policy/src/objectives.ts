import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { type Objective, ObjectiveSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { GroupBy, Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { errorMessage, type Log } from "@patchbay/wire";
import {
  budgetLeft,
  burn,
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
  windows: { readonly short: Measured; readonly long: Measured } | undefined;
  partial: boolean;
}

const INTERVAL_MS = 1_000;
const DEADLINE_MS = 2_000;

export function createObjectives(options: ObjectivesOptions): Objectives {
  const telemetry = createClient(Telemetry, options.telemetry);
  let held = new Map<string, Held>();
  let looking: Promise<void> | undefined;
  let complained = false;

  async function count(spec: ObjectiveSpec, windowMs: number): Promise<Measured & { readonly partial: boolean }> {
    const { source, target } = spec;
    const window = Math.round(windowMs / 1_000);
    const query = { window, groupBy: GroupBy.PAIR, source, target };
    const response = await telemetry.stat(query, { timeoutMs: DEADLINE_MS });
    const counted = measure(response.rows, spec.latencyBoundMs);
    return { windowMs, coveredMs: response.window * 1_000, partial: response.partial, ...counted };
  }

  async function evaluate(each: Held): Promise<void> {
    const { spec } = each;
    const [short, long] = await Promise.all([count(spec, spec.shortMs), count(spec, spec.longMs)]);
    each.windows = { short, long };
    each.partial = short.partial || long.partial || long.coveredMs < spec.longMs;
    const state = nextState(each.state, { short, long }, spec);
    if (state === each.state) return;
    const told = state === "burning" || each.state === "burning";
    each.state = state;
    each.since = options.now();
    if (told) options.onChange({ spec, state, short, long, at: each.since });
  }

  async function lookAtAll(): Promise<void> {
    try {
      for (const each of held.values()) await evaluate(each);
      complained = false;
    } catch (error) {
      if (!complained) options.log.warn({ error: errorMessage(error) }, "objectives cannot be measured at the moment");
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
        since: options.now(),
        windows: undefined,
        partial: true,
      });
      held = new Map(
        specs.map((spec) => {
          const key = `${spec.namespace}/${spec.name}`;
          return [key, Object.assign(held.get(key) ?? fresh(spec), { spec })];
        }),
      );
    },
    list: () => [...held.values()].map(toMessage),
    look,
    stop: () => clearInterval(timer),
  };
}

function toMessage({ spec, state, since, windows, partial }: Held): Objective {
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
    partial,
    file,
  });
}
