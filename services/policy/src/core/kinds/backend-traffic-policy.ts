import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type RetryBudget, RetryBudgetSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { checkDuration, durationMs, durationSchema } from "../duration.ts";
import { atClients } from "../in-force.ts";
import type { Compiled, CompiledPolicy, PolicyKind, Surroundings, World } from "../policy-kind.ts";
import { compareResources } from "../precedence.ts";
import { checkEach, problem, type SpecProblem } from "../problem.ts";
import { type PolicyResource, resourceName } from "../resource.ts";
import { anything, object } from "../schema.ts";
import { missingTargets, nameText } from "../warnings.ts";
import { checkServiceRef, type ServiceRef, targetKeys, targetRefsSchema } from "./targets.ts";

/** How many retries clients may add to their requests. */
interface BackendTrafficPolicySpec {
  readonly targetRefs: readonly ServiceRef[];
  readonly retryConstraint?: {
    readonly budget?: {
      /** Retries per 100 requests. Default 20. */
      readonly percent?: number;
      /** Time over which requests are counted. Default 10s. */
      readonly interval?: string;
    };
    /** Retries that are always allowed. Default 10 per 1s. */
    readonly minRetryRate?: { readonly count?: number; readonly interval?: string };
  };
  readonly sessionPersistence?: unknown;
}

const DEFAULT_PERCENT = 20;

const schema = object(
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

function check(spec: BackendTrafficPolicySpec): readonly SpecProblem[] {
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
function encode({ retryConstraint = {} }: BackendTrafficPolicySpec): RetryBudget {
  const { budget: { percent = DEFAULT_PERCENT, interval = "10s" } = {} } = retryConstraint;
  const { minRetryRate: { count = 10, interval: minInterval = "1s" } = {} } = retryConstraint;
  return create(RetryBudgetSchema, {
    percent,
    interval: durationFromMs(durationMs(interval)),
    minCount: count,
    minInterval: durationFromMs(durationMs(minInterval)),
  });
}

function compile({ metadata, spec }: PolicyResource<BackendTrafficPolicySpec>): Compiled {
  return {
    part: { retryBudget: encode(spec) },
    inbound: [],
    outbound: targetKeys(spec.targetRefs, metadata.namespace),
  };
}

function summarise({ retryConstraint }: BackendTrafficPolicySpec): string {
  return `retries at most ${retryConstraint?.budget?.percent ?? DEFAULT_PERCENT} % of requests`;
}

function warn(compiled: CompiledPolicy, { all, known }: Surroundings): readonly string[] {
  return [...missingTargets(compiled, known), ...overruled(compiled, all)];
}

/** Of several budgets for one service, the oldest counts. */
function overruled(compiled: CompiledPolicy, all: readonly CompiledPolicy[]): readonly string[] {
  const budgets = all.filter(({ part }) => part.retryBudget !== undefined);
  return compiled.outbound.flatMap((key) => {
    const [first] = budgets
      .filter(({ outbound }) => outbound.includes(key))
      .sort((a, b) => compareResources(a.resource, b.resource));
    return first && first !== compiled
      ? [`${resourceName(first.resource)} counts for ${nameText(key)}, not this one`]
      : [];
  });
}

function inForce(compiled: CompiledPolicy, world: World): readonly string[] {
  return atClients(compiled, world, ({ retryBudgetRef }) => retryBudgetRef === compiled.ref);
}

export const backendTrafficPolicy: PolicyKind<BackendTrafficPolicySpec> = {
  kind: "XBackendTrafficPolicy",
  apiVersion: "gateway.networking.x-k8s.io/v1alpha1",
  schema,
  check,
  compile,
  summarise,
  warn,
  inForce,
};
