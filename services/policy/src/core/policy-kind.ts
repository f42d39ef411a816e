import type { PolicyRef } from "@patchbay/proto/mesh/common/v1/policy_pb";
import type {
  AuthorizationPolicy,
  Outbound,
  RateLimitPolicy,
  RetryBudget,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { CompiledRoute } from "./kinds/route.ts";
import type { ObjectiveSpec } from "./objectives/objective.ts";
import type { SpecProblem } from "./problem.ts";
import type { PolicyResource } from "./resource.ts";

export const OWN_API = "patchbay.dev/v1alpha1";
export const GATEWAY_API = "gateway.networking.k8s.io/v1";

/** One kind of resource: its schema, checks, compilation and explanations. */
export interface PolicyKind<Spec = unknown> {
  readonly kind: string;
  readonly apiVersion: string;
  /** JSON Schema of `spec`. */
  readonly schema: object;
  /** Checks beyond the schema; called with a spec that fits it. */
  check(spec: Spec): readonly SpecProblem[];
  /** Called with a resource that has passed the checks. */
  compile(resource: PolicyResource<Spec>, ref: PolicyRef): Compiled;
  /** Summary in one line. */
  summarise(spec: Spec): string;
  /** Warnings about a valid resource that is probably a mistake, one sentence each. */
  warn(compiled: CompiledPolicy, around: Surroundings): readonly string[];
  /** Workloads that enforce it, as "namespace/name", sorted. */
  inForce(compiled: CompiledPolicy, world: World): readonly string[];
}

/** What a resource contributes to snapshots, or to objectives. */
export interface Contribution {
  readonly authorization?: AuthorizationPolicy;
  readonly rateLimit?: RateLimitPolicy;
  readonly route?: CompiledRoute;
  readonly retryBudget?: RetryBudget;
  readonly objective?: ObjectiveSpec;
}

/** A resource's contribution, and the services that it is about. */
export interface Compiled {
  readonly part: Contribution;
  /** Services as "namespace/name", or "namespace/*", with proxies that apply it to inbound requests. */
  readonly inbound: readonly string[];
  /** Services as "namespace/name" with clients that apply it to outbound requests. */
  readonly outbound: readonly string[];
}

export interface CompiledPolicy extends Compiled {
  readonly kind: PolicyKind;
  readonly resource: PolicyResource;
  readonly ref: PolicyRef;
}

/** Input for warnings about a resource. */
export interface Surroundings {
  readonly all: readonly CompiledPolicy[];
  readonly known: Known;
}

/** Workloads, services and plugins that are present now. */
export interface Known {
  /** Programs that are called, as "namespace/name". */
  readonly workloads: ReadonlySet<string>;
  readonly staticServices: ReadonlySet<string>;
  /** Hooks by plugin ("namespace/name"). */
  readonly plugins: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Workloads, and the proxies that follow policies now. */
export interface World {
  /** Programs that are called, as "namespace/name". */
  readonly workloads: ReadonlySet<string>;
  readonly subscribers: readonly { namespace: string; workload: string; hosts: ReadonlySet<string> }[];
  /** The rules that clients of a namespace apply to requests for a host. */
  outbound(clients: string, host: string): Outbound;
}
