import { workloadName } from "@patchbay/model";
import { durationMs } from "../duration.ts";
import type { PolicyResource } from "../resource.ts";
import type { ObjectiveSpec } from "./objective.ts";

/** What a ServiceLevelObjective says, once it fits its schema. */
export interface WrittenObjective {
  readonly target: WrittenService;
  readonly source?: WrittenService;
  /** Percent of good requests, such as 99.9. */
  readonly objective: number;
  readonly latency?: { readonly under: string };
  readonly windows?: { readonly short?: string; readonly long?: string };
  readonly burnRate?: number;
}

interface WrittenService {
  readonly name: string;
  readonly namespace?: string;
}

/** Five minutes and an hour: the windows of a page in the SRE workbook, chapter 5, within what telemetry keeps. */
const SHORT_MS = 300_000;
const LONG_MS = 3_600_000;
const BURN_RATE = 14.4;

export function objectiveOf({
  metadata: { namespace, name },
  spec,
  origin,
}: Pick<PolicyResource<WrittenObjective>, "metadata" | "spec" | "origin">): ObjectiveSpec {
  const { short, long } = spec.windows ?? {};
  return {
    namespace,
    name,
    source: spec.source ? workloadName({ namespace, ...spec.source }) : "",
    target: workloadName({ namespace, ...spec.target }),
    ratio: spec.objective / 100,
    latencyBoundMs: spec.latency ? durationMs(spec.latency.under) : 0,
    shortMs: short === undefined ? SHORT_MS : durationMs(short),
    longMs: long === undefined ? LONG_MS : durationMs(long),
    burnRate: spec.burnRate ?? BURN_RATE,
    origin,
  };
}
