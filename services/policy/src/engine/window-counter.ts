import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { preciseMs } from "@patchbay/model";
import { GroupBy, Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { burns, type Measured, measure, type ObjectiveSpec } from "../core/objectives/objective.ts";

/** Measured windows of an objective. */
export interface Windows {
  readonly short: Counted;
  readonly long: Counted;
  /** When the long window was measured, on the clock of `now`. */
  readonly longAt: number;
}

export interface Counted extends Measured {
  /** A replica of telemetry did not answer. */
  readonly partial: boolean;
}

export interface WindowCounterOptions {
  readonly telemetry: Transport;
  now(): number;
}

/** Measures an objective's windows. `urgent`: measures the long one even when it is recent. */
export type WindowCounter = (spec: ObjectiveSpec, before: Windows | undefined, urgent: boolean) => Promise<Windows>;

const DEADLINE_MS = 2_000;
/** The long window changes little in this time; it is measured at once when the short window burns. */
const LONG_EVERY_MS = 10_000;

/** Asks telemetry. A count rejects when it does not answer in time. */
export function createWindowCounter({ telemetry: transport, now }: WindowCounterOptions): WindowCounter {
  const telemetry = createClient(Telemetry, transport);

  async function count(spec: ObjectiveSpec, windowMs: number): Promise<Counted> {
    const { source, target } = spec;
    const query = { window: durationFromMs(windowMs), groupBy: GroupBy.PAIR, source, target };
    const response = await telemetry.stat(query, { timeoutMs: DEADLINE_MS });
    const counted = measure(response.rows, spec.latencyBoundMs);
    return {
      windowMs,
      coveredMs: preciseMs(response.window),
      partial: response.partial,
      ...counted,
    };
  }

  return async (spec, before, urgent) => {
    const short = await count(spec, spec.shortMs);
    if (before && !urgent && !burns(short, spec) && now() - before.longAt < LONG_EVERY_MS) return { ...before, short };
    return { short, long: await count(spec, spec.longMs), longAt: now() };
  };
}
