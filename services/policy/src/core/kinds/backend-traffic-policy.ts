import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type RetryBudget, RetryBudgetSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { checkDuration, durationMs, durationSchema } from "../duration.ts";
import { checkEach, problem, type SpecProblem } from "../problem.ts";
import { anything, object } from "../schema.ts";
import { checkServiceRef, type ServiceRef, targetRefsSchema } from "./targets.ts";

/** How many retries clients may add to their requests. */
export interface BackendTrafficPolicySpec {
  readonly targetRefs: readonly ServiceRef[];
  readonly retryConstraint?: {
    readonly budget?: {
      /** Retries per 100 requests. Default 20. */
      readonly percent?: number;
      /** Over which requests are counted. Default 10s. */
      readonly interval?: string;
    };
    /** What is always allowed. Default 10 per 1s. */
    readonly minRetryRate?: { readonly count?: number; readonly interval?: string };
  };
  readonly sessionPersistence?: unknown;
}

export const backendTrafficPolicySchema = object(
  {
    targetRefs: targetRefsSchema,
    retryConstraint: object({
      budget: object({ percent: { type: "integer", minimum: 0, maximum: 100 }, interval: durationSchema }),
      minRetryRate: object({ count: { type: "integer", minimum: 0, maximum: 1_000_000 }, interval: durationSchema }),
    }),
    sessionPersistence: anything,
  },
  ["targetRefs"],
);

const hour = { leastMs: 1_000, mostMs: 3_600_000 };

export function checkBackendTrafficPolicy(spec: BackendTrafficPolicySpec): readonly SpecProblem[] {
  const { budget, minRetryRate } = spec.retryConstraint ?? {};
  const found = [
    ...checkEach(spec.targetRefs, ["targetRefs"], checkServiceRef),
    ...checkDuration(budget?.interval, ["retryConstraint", "budget", "interval"], hour),
    ...checkDuration(minRetryRate?.interval, ["retryConstraint", "minRetryRate", "interval"], hour),
  ];
  if (spec.sessionPersistence !== undefined)
    found.push(problem(["sessionPersistence"], "is not supported", "requests are balanced one by one"));
  else if (spec.retryConstraint === undefined)
    found.push(problem([], "says nothing", "retryConstraint: { budget: { percent: 20 } }"));
  return found;
}

/** A checked spec in the snapshot's form. */
export function encodeRetryBudget({ retryConstraint = {} }: BackendTrafficPolicySpec): RetryBudget {
  const { budget: { percent = 20, interval = "10s" } = {} } = retryConstraint;
  const { minRetryRate: { count = 10, interval: minInterval = "1s" } = {} } = retryConstraint;
  return create(RetryBudgetSchema, {
    percent,
    interval: durationFromMs(durationMs(interval)),
    minCount: count,
    minInterval: durationFromMs(durationMs(minInterval)),
  });
}
